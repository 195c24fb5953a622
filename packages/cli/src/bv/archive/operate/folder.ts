import { lstatSync, mkdirSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { Call } from "../../../command/verb.ts";
import { Failure, reason, systemCode } from "../../../failure/failure.ts";
import type { OperateOptions, OperateVerb } from "../verbs.ts";
import { archiveEngine } from "./archive-engine.ts";
import { runTool, type ToolEnd } from "./tool.ts";
import type { ToolEvent } from "./tool-event.ts";

/** `--data FOLDER`: by ourselves, with no more rights to it than whoever calls has. */
export async function operateOnFolder(
  { out, args: [storeKey], options, signal }: Call<OperateOptions, [storeKey: string]>,
  verb: OperateVerb,
  level: number | undefined,
  heard: (event: ToolEvent) => void,
): Promise<ToolEnd> {
  const folder = resolve(options.data ?? "");
  if (verb === "fetch") create(folder);
  requireFolder(folder);
  // Beside the data: what lies in them would be pushed along.
  const state = join(dirname(folder), `.${basename(folder)}.archive`);
  await using engine = await archiveEngine(out);
  const given = (flag: string, value: string | number | undefined): readonly string[] =>
    value ? [flag, String(value)] : [];
  const words = [
    ...[verb, "--attended", "--name", storeKey, "--data", folder, "--state", state, "--engine-socket", engine.path],
    ...given("--data-version", options.dataVersion),
    ...given("--max-connections", options.connections),
    ...given("--max-bytes-per-second", options.bandwidth),
    ...(verb === "push" ? [...given("--zstd", level), "--layout", options.cas ? "cas" : "parts"] : []),
    ...(options.dryRun ? ["--dry-run"] : []),
    ...(options.exclude ?? []).flatMap((glob) => ["--exclude", glob]),
  ];
  return await runTool(words, engine.secret, heard, signal);
}

function create(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new Failure("file-unwritable", `cannot make ${folder}`, { causes: [reason(error)] });
  }
}

function requireFolder(folder: string): void {
  try {
    if (lstatSync(folder).isDirectory()) return;
  } catch (error) {
    if (systemCode(error) !== "ENOENT")
      throw new Failure("file-unreadable", `cannot look at ${folder}`, { causes: [reason(error)] });
    throw new Failure("file-unreadable", `there is no folder ${folder}`);
  }
  throw new Failure("file-unreadable", `${folder} is not a folder`);
}
