import { mkdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Call } from "../../../command/verb.ts";
import { Failure, systemCode } from "../../../failure/failure.ts";
import { replaceFile } from "../../../files/replace-file.ts";
import { babelYaml } from "./blueprints/babel-yaml.ts";
import { dockerfile } from "./blueprints/dockerfile.ts";
import { mainRhai } from "./blueprints/main-rhai.ts";
import { mainTestRhai } from "./blueprints/main-test-rhai.ts";
import { skuCode, variantParts } from "./naming.ts";
import type { CreateOptions } from "./verb.ts";

/** The image that a new Dockerfile starts from: small, Debian, alive. */
const defaultBaseImage = "docker.io/library/debian:bookworm-slim";

const blueprints = [
  { name: "babel.yaml", kind: "babel file", text: babelYaml },
  { name: "main.rhai", kind: "plugin file", text: mainRhai },
  { name: "Dockerfile", kind: "dockerfile", text: dockerfile },
  { name: "tests/main.test.rhai", kind: "test file", text: mainTestRhai },
] as const;

/** `nib image create` (nib-and-images §2). */
export async function createImage({ out, args, options }: Call<CreateOptions, [string, string]>): Promise<void> {
  const [protocol, variant] = args;
  requireKey("protocol", protocol);
  requireKey("variant", variant);
  const directory = resolve(options.dir ?? `${protocol}_${variant}`);
  const values = blueprintValues(protocol, variant, options);

  const files = blueprints.map(({ name, kind, text }) => {
    const path = join(directory, name);
    const rendered = fill(text, values);
    return { path, kind, rendered, existing: readIfThere(path) };
  });
  const different = files.filter(({ existing, rendered }) => existing !== undefined && existing !== rendered);
  if (different.length > 0 && !options.force) {
    throw new Failure("would-overwrite", `${directory} has other files of these names already`, {
      causes: different.map(({ path }) => path),
      hint: "choose another --dir, or overwrite them with --force",
      data: { files: different.map(({ path }) => path) },
    });
  }
  for (const { path } of files) makeDirectory(dirname(path));
  const done = files.map(({ path, kind, rendered, existing }) => {
    if (existing !== rendered) replaceFile(path, rendered, 0o644);
    out.line(`Rendered ${kind} at \`${path}\``);
    return {
      path,
      kind,
      action: existing === undefined ? "created" : existing === rendered ? "skipped" : "overwritten",
    };
  });
  out.document({ dir: directory, files: done });
}

function blueprintValues(protocol: string, variant: string, options: CreateOptions): Readonly<Record<string, string>> {
  const parts = variantParts(variant);
  const client = options.client ?? parts.client ?? protocol;
  const network = options.network ?? parts.network ?? "mainnet";
  const nodeType = options.nodeType ?? parts.nodeType;
  for (const [name, value] of Object.entries({ client, network, "node-type": nodeType })) requireText(name, value);
  return {
    protocol_key: protocol,
    variant_key: variant,
    client,
    network,
    node_type: nodeType,
    sku_code: skuCode(client, nodeType, network),
    base_image: requireText("base", options.base ?? defaultBaseImage),
  };
}

/** Both keys become part of paths, image tags and API rows (§3.11): the strictest of their rules. */
function requireKey(what: string, key: string): void {
  if (/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/.test(key) && key.length >= 3) return;
  throw new Failure("usage", `'${key}' cannot be a ${what} key`, {
    hint: `use three or more of a-z, 0-9 and "-", with a letter or digit at both ends`,
  });
}

/** These end up in YAML, Rhai strings and the Dockerfile as they are. */
function requireText(what: string, text: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._:/@-]*$/.test(text)) return text;
  throw new Failure("usage", `'${text}' cannot be used for --${what}`, {
    hint: "use letters, digits and . _ - : / @, beginning with a letter or digit",
  });
}

function fill(blueprint: string, values: Readonly<Record<string, string>>): string {
  return blueprint.replaceAll(/%([a-z_]+)%/g, (whole, name: string) => values[name] ?? whole);
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return undefined;
    throw new Failure("file-unreadable", `cannot read ${path}`, { causes: [String(error)] });
  }
}

function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw new Failure("file-unwritable", `cannot create the directory ${path}`, {
      causes: [String(error)],
      hint: "choose a place that you can write to with --dir",
    });
  }
}
