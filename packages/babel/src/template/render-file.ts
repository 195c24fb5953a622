import { realpathSync } from "node:fs";
import { dirname, join, sep } from "node:path";
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
import { isMissing } from "../errno.ts";
import { type Failure, invalid, notFound, refused } from "../failure.ts";
import { ensureFolder, readBounded, readBoundedSync, replaceFile } from "../files/durable.ts";
import { destinationOf } from "../files/transfer.ts";

export type RenderRequest = {
  readonly template: string;
  readonly destination: string;
  /** JSON object. */
  readonly params: string;
  /** Folder that `include`, `import` and `extends` look in. (D2-12) */
  readonly templates: string;
  readonly env: Readonly<Record<string, string>>;
  readonly mode?: number;
  /** Nothing is put in place. */
  readonly onlyCompare?: boolean;
};

const TEMPLATE_LIMIT = 16 * 1024 * 1024;
const DEFAULT_MODE = 0o644;

/**
 * Renders a template file in memory, then puts the result in place as a whole; false if the destination already had exactly this
 * content and mode, and was not touched. HTML is escaped when the destination's name says so. (§2.4, D2-10, D2-13)
 */
export async function renderTemplate(request: RenderRequest): Promise<boolean> {
  const text = await templateText(request.template);
  const params = paramsOf(request.params);
  const content = translated(() =>
    render(parseTemplate({ path: request.template, text }), params, {
      load: loaderFrom(request.templates),
      env: request.env,
      escape: escapesHtml(request.destination),
    }),
  );
  const { target, previous } = await destinationOf(request.destination);
  const mode = request.mode ?? (previous === undefined ? DEFAULT_MODE : previous.mode & 0o7777);
  const bytes = Buffer.from(content);
  if (previous !== undefined && previous.size === bytes.length && (previous.mode & 0o7777) === mode) {
    if ((await readBounded(target, bytes.length + 1))?.equals(bytes)) return false;
  }
  if (request.onlyCompare === true) return true;
  await ensureFolder(dirname(target));
  const owner = previous && { uid: previous.uid, gid: previous.gid };
  await replaceFile(target, bytes, { mode, ...(owner === undefined ? {} : { owner }) });
  return true;
}

async function templateText(path: string): Promise<string> {
  const bytes = await readBounded(path, TEMPLATE_LIMIT + 1, "follow").catch((error: unknown) => {
    throw unreadable(path, error);
  });
  if (bytes === undefined) {
    throw notFound("template-not-found", `failed to render template file with: there is no template ${path}`);
  }
  return textOf(path, bytes);
}

function textOf(path: string, bytes: Buffer): string {
  if (bytes.length <= TEMPLATE_LIMIT) return bytes.toString("utf8");
  throw invalid(
    "template-too-large",
    `failed to render template file with: ${path} has more than ${TEMPLATE_LIMIT} bytes`,
  );
}

function unreadable(path: string, error: unknown): Failure {
  return refused("template-unreadable", `failed to render template file with: ${path}: ${(error as Error).message}`);
}

function paramsOf(text: string): ValueMap {
  let params: unknown;
  try {
    params = parseValue(text);
  } catch {
    throw invalid("template-params-invalid", "failed to render template file with: params are not valid JSON");
  }
  if (typeof params !== "object" || params === null || Array.isArray(params) || !isMap(params as ValueMap)) {
    throw invalid("template-params-invalid", "failed to render template file with: params are not a JSON object");
  }
  return params as ValueMap;
}

/** Templates below a folder, and only there; each is parsed once. */
function loaderFrom(folder: string): (name: string) => Template | undefined {
  const parsed = new Map<string, Template | undefined>();
  return (name) => {
    if (!parsed.has(name)) parsed.set(name, loadBelow(folder, name));
    return parsed.get(name);
  };
}

function loadBelow(folder: string, name: string): Template | undefined {
  let path = join(folder, name);
  let bytes: Buffer | undefined;
  try {
    const root = realpathSync(folder);
    path = realpathSync(join(root, name));
    if (!path.startsWith(root + sep)) return undefined;
    bytes = readBoundedSync(path, TEMPLATE_LIMIT + 1);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw unreadable(path, error);
  }
  return bytes && parseTemplate({ path, text: textOf(path, bytes) });
}

function translated(body: () => string): string {
  try {
    return body();
  } catch (error) {
    if (!(error instanceof TemplateFailure)) throw error;
    throw invalid("template-failed", `failed to render template file with: ${error.message}`);
  }
}
