import { existsSync } from "node:fs";
import { type Inspection, inspectPlugin, PluginError, type PluginFiles } from "@blockvisor/plugin";
import type { Call } from "../../../command/verb.ts";
import { Failure } from "../../../failure/failure.ts";
import type { Output } from "../../../output/output.ts";
import type { Column } from "../../../output/table.ts";
import { diagnosticData, diagnosticText } from "../../metadata/diagnostics.ts";
import { metadataPath } from "../../metadata/metadata-path.ts";
import { chooseProperties, chooseVariant, givenProperties, readImage } from "../../metadata/read-image.ts";
import { envOverrides, secretValues } from "./stub-values.ts";
import type { InspectOptions } from "./verb.ts";

/** Stands in for babel.yaml where a plugin is looked at alone. */
const unnamedImage = { version: "0.0.1", protocol: "protocol" } as const;

/** `nib image inspect`: one JSON document without wrapping, whose shape is a contract of its own. */
export async function inspectImage({ out, options, signal }: Call<InspectOptions, []>): Promise<void> {
  const path = metadataPath(options);
  const env = envOverrides(options.env);
  const secrets = secretValues(options.secrets);
  const target = chooseTarget(out, path, options);
  const files = await readPlugin(out, target.containerUri, path, options, signal);
  const { image, params } = target;
  const inspection = await inspect(files, () => inspectPlugin({ files, image, params, env, secrets }));
  print(out, inspection);
  const { secrets: _keys, ...contract } = inspection;
  out.bareDocument(contract);
}

interface Target {
  readonly image: { readonly version: string; readonly protocol: string; readonly variant: string };
  readonly params: Readonly<Record<string, string>>;
  readonly containerUri: string;
}

function chooseTarget(out: Output, path: string, options: InspectOptions): Target {
  const { variant: key } = options;
  if (options.path === undefined && options.pluginDir !== undefined && !existsSync(path)) {
    if (key === undefined) {
      throw new Failure("usage", "say which variant is meant: there is no babel.yaml that names them", {
        hint: "give --variant KEY, or name the file with --path",
      });
    }
    // Without a babel.yaml there are no defaults: the values are what was given.
    return { image: { ...unnamedImage, variant: key }, params: givenProperties(options), containerUri: "" };
  }
  const variant = chooseVariant(readImage(path), key);
  return {
    image: { version: variant.version, protocol: variant.protocolKey, variant: variant.variantKey },
    params: chooseProperties(out, variant, options),
    containerUri: variant.containerUri,
  };
}

async function readPlugin(
  out: Output,
  containerUri: string,
  path: string,
  options: InspectOptions,
  signal: AbortSignal,
): Promise<PluginFiles> {
  if (options.pluginDir !== undefined) {
    return (await import("../../plugin-files/from-directory.ts")).pluginFilesFromDirectory(options.pluginDir);
  }
  const { openPluginImage } = await import("../../plugin-files/from-image.ts");
  await using image = await openPluginImage(out, containerUri, path, signal);
  return image.plugin;
}

async function inspect(files: PluginFiles, evaluate: () => Promise<Inspection>): Promise<Inspection> {
  try {
    return await evaluate();
  } catch (error) {
    if (!(error instanceof PluginError)) throw error;
    const { diagnostics } = error;
    throw new Failure("plugin-unloadable", "the plugin cannot be evaluated", {
      excerpt: diagnostics.length > 0 ? diagnosticText(diagnostics, files) : error.message,
      data: { plugin_code: error.code, message: error.message, diagnostics: diagnostics.map(diagnosticData) },
      hint: "`nib image check --lint-only` shows all that is wrong with it",
    });
  }
}

type Job = Inspection["jobs"][number];

const columns: readonly Column<Job>[] = [
  { title: "Job", value: ({ name }) => name, colour: "cyan" },
  { title: "Type", value: ({ job_type }) => Object.keys(job_type)[0] ?? "" },
  {
    title: "Restart",
    value: ({ restart }) => (typeof restart === "string" ? restart : (Object.keys(restart)[0] ?? "")),
  },
  { title: "Needs", value: ({ needs }) => needs?.join(", ") || "-" },
  { title: "Waits for", value: ({ wait_for }) => wait_for?.join(", ") || "-" },
];

function print(out: Output, inspection: Inspection): void {
  out.table(columns, inspection.jobs);
  out.line(`Functions:     ${inspection.functions.join(", ")}`);
  out.line(`Capabilities:  ${inspection.capabilities.join(", ")}`);
  out.line(`Secrets:       ${inspection.secrets.join(", ") || "-"}`);
  out.line("plugin_config:");
  out.line(JSON.stringify(inspection.plugin_config, undefined, 2));
}
