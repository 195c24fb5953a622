import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseRecording, type Recording, recordingText } from "@blockvisor/plugin/recording";
import type { Call } from "../../../command/verb.ts";
import { DaemonClient } from "../../../daemon/client.ts";
import { Failure, reason } from "../../../failure/failure.ts";
import { replaceFile } from "../../../files/replace-file.ts";
import type { ImageFile } from "../../metadata/read-image.ts";
import { recordingFolder } from "./read-tests.ts";
import type { TestOptions } from "./verb.ts";

/** Functions of the plugin have their own limits. */
const TIMEOUT_MS = 600_000;

/** Also for who reads results. */
export interface RecordedNode {
  readonly node: string;
  readonly path: string;
  readonly functions: readonly string[];
}

/**
 * `--record` (spec plugin-api.md §9.2): lets the daemon call the functions of a dev node and keeps what they asked and were answered as
 * tests/fixtures/VARIANT.json. What could not be recorded is a warning each.
 */
export async function recordNode(
  { out, options, signal }: Pick<Call<TestOptions, []>, "out" | "options" | "signal">,
  node: string,
  { image, path: metadata }: ImageFile,
  directory: string,
): Promise<RecordedNode> {
  const also = (options.function ?? []).map(functionCall);
  const progress = out.progress(`Recording ${node}`);
  const daemon = new DaemonClient(out);
  const answer = await daemon
    .call("RecordPlugin", { node, also }, { signal, timeoutMs: TIMEOUT_MS })
    .catch((error: unknown) => {
      progress.failed();
      throw error;
    });
  progress.done();
  const recording = understood(answer.recording ?? "");
  const { protocol, variant } = recording.image;
  if (protocol !== image.protocolKey || !image.variants.some(({ key }) => key === variant)) {
    throw new Failure("variant-unknown", `the node is ${protocol}/${variant}, which ${metadata} does not have`, {
      hint: "--path names the babel.yaml of the node's image",
    });
  }
  const name = options.as ?? variant;
  if (!/^[A-Za-z0-9][\w.-]*$/.test(name)) throw new Failure("usage", `'${name}' is no name for a file`);
  const path = join(recordingFolder(directory), `${name}.json`);
  mkdirSync(recordingFolder(directory), { recursive: true });
  replaceFile(path, recordingText(recording), 0o644);
  for (const { function: fn, error, left_out: leftOut } of recording.functions) {
    const why = error ?? leftOut;
    if (why !== undefined) out.warn({ code: "NIB532", message: `${fn}() will not be replayed: ${out.foreign(why)}` });
  }
  const replayed = recording.functions.filter((one) => one.error === undefined && one.left_out === undefined);
  return { node, path, functions: replayed.map((one) => one.function) };
}

function understood(text: string): Recording {
  try {
    return parseRecording(text);
  } catch (error) {
    throw new Failure("daemon-version", "the daemon's recording is not understood", {
      causes: [reason(error)],
      hint: "`bv stop` and `bv start` bring the daemon to the version that is installed",
    });
  }
}

/** `name` or `name=parameter`. */
function functionCall(text: string): { readonly function: string; readonly param: string } {
  const [name = "", ...param] = text.split("=");
  return { function: name, param: param.join("=") };
}
