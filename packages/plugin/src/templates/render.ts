import { join } from "node:path/posix";
import {
  escapesHtml,
  isMap,
  parseTemplate,
  parseValue,
  render,
  type Template,
  TemplateFailure,
  type ValueMap,
} from "@blockvisor/image/template";
import type { NodeEnv } from "../engine/node-env.ts";
import type { TemplateSource } from "./source.ts";

export interface RenderRequest {
  /** Path in the image. */
  readonly template: string;
  readonly destination: string;
  /** JSON text. */
  readonly params: string;
  readonly env: NodeEnv;
}

export type Rendering =
  | { readonly kind: "rendered"; readonly text: string }
  /** The source does not have it, or one that it includes. */
  | { readonly kind: "missing"; readonly path: string }
  | { readonly kind: "params" }
  | { readonly kind: "failed"; readonly failure: TemplateFailure };

/** Where the agent looks for what a template includes, imports or extends (babel-agent D2-12). */
const TEMPLATES = "/var/lib/babel/templates";
const MOST_INCLUDED = 64;

/** A template that another one names, and that nobody has read yet. */
class Wanted extends Error {
  readonly path: string;
  constructor(path: string) {
    super(path);
    this.path = path;
  }
}

/** What the agent would make of a template (babel-agent §2.4), with the same code. */
export async function renderForReal(source: TemplateSource, request: RenderRequest): Promise<Rendering> {
  const params = paramsOf(request.params);
  if (params === undefined) return { kind: "params" };
  const templates = new Map<string, Template>();
  const surroundings = {
    load: (name: string) => {
      const path = join(TEMPLATES, name);
      return path.startsWith(`${TEMPLATES}/`) ? needed(templates, path) : undefined;
    },
    env: environmentOf(request.env),
    escape: escapesHtml(request.destination),
  };
  for (;;) {
    try {
      return { kind: "rendered", text: render(needed(templates, request.template), params, surroundings) };
    } catch (error) {
      if (error instanceof TemplateFailure) return { kind: "failed", failure: error };
      if (!(error instanceof Wanted)) throw error;
      const file = (await source.read([error.path])).get(error.path);
      if (file === undefined || templates.size > MOST_INCLUDED) return { kind: "missing", path: error.path };
      try {
        templates.set(error.path, parseTemplate({ path: file.file, text: file.text }));
      } catch (fault) {
        if (fault instanceof TemplateFailure) return { kind: "failed", failure: fault };
        throw fault;
      }
    }
  }
}

function needed(templates: ReadonlyMap<string, Template>, path: string): Template {
  const template = templates.get(path);
  if (template === undefined) throw new Wanted(path);
  return template;
}

function paramsOf(text: string): ValueMap | undefined {
  try {
    const params = parseValue(text);
    return isMap(params) ? params : undefined;
  } catch {
    return undefined;
  }
}

/** What babel adds to a template's environment; what the image sets in its own is not known here. */
function environmentOf({ properties, ...fields }: NodeEnv): Readonly<Record<string, string>> {
  const own = Object.entries(fields).map(([name, value]) => [name.toUpperCase(), String(value)]);
  const given = Object.entries(properties).map(([name, value]) => [
    `BV_PROP_${name.toUpperCase().replace(/[^A-Z0-9]/g, "_")}`,
    value,
  ]);
  return Object.fromEntries([...own, ...given]);
}
