import type { Diagnostic } from "@blockvisor/image";
import { parseTemplate, position, TemplateFailure, variablesOf } from "@blockvisor/image/template";
import { type Ast, type Expr, unparen, walk } from "@blockvisor/rhai";
import type { PluginConfig } from "../config/model.ts";
import type { NodeEnv } from "../engine/node-env.ts";
import type { StubRendering } from "../engine/stub-engine.ts";
import { renderForReal } from "../templates/render.ts";
import type { TemplateSource } from "../templates/source.ts";
import { locateInConfig } from "./locate.ts";
import { placeOf } from "./place.ts";
import { withoutAllowed } from "./rule-codes.ts";

type Place = Pick<Diagnostic, "file" | "range">;

/** A template that the plugin renders. */
interface Use {
  readonly template: string;
  readonly place: Place;
  /** Undefined: they are only known by name, `keys`, or not at all. */
  readonly rendering?: StubRendering;
  readonly keys?: readonly string[];
}

export interface TemplateUses {
  readonly asts: readonly Ast[];
  readonly main: Ast;
  /** As it was evaluated. */
  readonly config: PluginConfig | undefined;
  /** What was rendered while the plugin was evaluated. */
  readonly rendered: readonly StubRendering[];
}

/**
 * NIB305: a template that is not in the image. NIB522: one that does not parse, or needs what it is not given (spec plugin-api.md §7.4).
 * Where the parameters are known it is rendered as the agent does it; where only their names are, these are compared.
 */
export async function templateFindings(
  uses: TemplateUses,
  source: TemplateSource,
  env: NodeEnv,
): Promise<readonly Diagnostic[]> {
  const sources = Object.fromEntries(uses.asts.map((ast) => [ast.source.name, ast.source.text]));
  // What is wrong is in the template, the comment that allows it where the plugin names it.
  const all = [...usesInConfig(uses), ...usesInScripts(uses)].filter(
    ({ place }) => withoutAllowed([{ code: "NIB522", severity: "error", message: "", ...place }], sources).length > 0,
  );
  const files = await source.read([...new Set(all.map(({ template }) => template))]);
  const findings: Diagnostic[] = [];
  for (const use of all) {
    const file = files.get(use.template);
    if (file !== undefined) findings.push(...(await findingsOf(use, file, source, env)));
    else if (source.complete) findings.push(missing(use.template, use.place));
  }
  return findings;
}

function missing(path: string, place: Place): Diagnostic {
  return {
    code: "NIB305",
    severity: "error",
    message: `there is no template ${path} in the image`,
    ...place,
    help: `add to the Dockerfile: COPY templates/ ${path.slice(0, path.lastIndexOf("/") + 1)}`,
  };
}

async function findingsOf(
  { template, place, rendering, keys }: Use,
  file: { readonly file: string; readonly text: string },
  source: TemplateSource,
  env: NodeEnv,
): Promise<readonly Diagnostic[]> {
  const told = `it is rendered by ${place.file}${place.range ? `:${place.range.start.line}` : ""}`;
  if (rendering !== undefined) {
    const result = await renderForReal(source, { ...rendering, env });
    if (result.kind === "failed") return partsOf(result.failure).map((part) => inTemplate(part, told));
    return result.kind === "missing" && source.complete ? [missing(result.path, place)] : [];
  }
  try {
    const needed = variablesOf(parseTemplate({ path: file.file, text: file.text }));
    if (keys === undefined) return [];
    return needed
      .filter(({ name }) => !keys.includes(name))
      .map(({ name, span }) =>
        inTemplate(new TemplateFailure(span, `variable '${name}' is not given to ${template}`), told),
      );
  } catch (error) {
    if (error instanceof TemplateFailure) return [inTemplate(error, told)];
    throw error;
  }
}

const partsOf = (failure: TemplateFailure): readonly TemplateFailure[] =>
  failure.parts.length > 0 ? failure.parts : [failure];

function inTemplate({ span, what }: TemplateFailure, help: string): Diagnostic {
  const end = { ...span, from: span.to };
  return {
    code: "NIB522",
    severity: "error",
    message: what,
    file: span.source.path,
    range: { start: position(span), end: position(end) },
    help,
  };
}

function usesInConfig({ config, main }: TemplateUses): readonly Use[] {
  return (config?.config_files ?? []).map(({ template, destination, params }, index) => {
    const range = locateInConfig(main, `config_files[${index}].template`);
    return {
      template,
      place: { file: main.source.name, ...(range && { range }) },
      rendering: { template, destination, params },
    };
  });
}

/** Calls of `render_template` with a path that is written there; those that were made come with what was given. */
function usesInScripts({ asts, main, rendered, config }: TemplateUses): readonly Use[] {
  const calls = asts.flatMap(callsIn);
  const known = new Set((config?.config_files ?? []).map(({ template, destination }) => `${template}\n${destination}`));
  const made = rendered
    .filter(({ template, destination }) => !known.has(`${template}\n${destination}`))
    .map((rendering) => ({
      template: rendering.template,
      place: calls.find(({ template }) => template === rendering.template)?.place ?? { file: main.source.name },
      rendering,
    }));
  return [...made, ...calls];
}

function callsIn({ program, source }: Ast): readonly Use[] {
  const uses: Use[] = [];
  walk(program, {
    enter(node) {
      if (node.kind !== "Call" || node.path.length > 0 || node.name !== "render_template") return true;
      const [path, , params] = node.args.map(unparen);
      if (path?.kind !== "Literal" || typeof path.value !== "string") return true;
      const keys = keysOf(params);
      uses.push({ template: path.value, place: placeOf(source, path), ...(keys && { keys }) });
      return true;
    },
  });
  return uses;
}

function keysOf(params: Expr | undefined): readonly string[] | undefined {
  return params?.kind === "Map" ? params.entries.map(({ key }) => key) : undefined;
}
