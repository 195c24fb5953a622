import { HostArchives } from "../../../cloud/host-archives.ts";
import type { Call } from "../../../command/verb.ts";
import { Failure } from "../../../failure/failure.ts";
import type { Output } from "../../../output/output.ts";
import type { OperateOptions, OperateVerb } from "../verbs.ts";
import { serveEngine } from "./engine-socket.ts";
import { dataPlace } from "./place.ts";
import { runTool, type ToolEnd, type ToolMessage, type ToolRequest } from "./tool.ts";
import { TransferDisplay } from "./transfer-display.ts";

type Done = Extract<ToolMessage, { kind: "done" }>;
type Damaged = Extract<ToolMessage, { kind: "damaged" }>;

/** `bv archive verify | repair | fetch | push`: the agent's own engines, outside of any node, with this host's login. */
export async function operate(call: Call<OperateOptions, [storeKey: string]>, verb: OperateVerb): Promise<void> {
  const { out, args, options, signal } = call;
  const [storeKey] = args;
  const compression = compressionOf(options.compression);
  const place = await dataPlace(out, options, verb, signal);
  using archives = new HostArchives(out);
  await using engine = await serveEngine(archives);
  const request: ToolRequest = {
    verb,
    engine_socket: engine.path,
    secret: engine.secret,
    store_key: storeKey,
    folder: place.folder,
    state_folder: place.state,
    ...(options.dataVersion === undefined ? {} : { data_version: options.dataVersion }),
    ...(options.connections ? { max_connections: options.connections } : {}),
    ...(options.bandwidth ? { max_bytes_per_second: options.bandwidth } : {}),
    ...(verb === "push" ? { exclude: options.exclude ?? [], compression, layout: options.cas ? "cas" : "parts" } : {}),
  };
  const display = new TransferDisplay(out);
  const damaged: Damaged[] = [];
  let last: ToolMessage | undefined;
  const end = await runTool(
    request,
    (message) => {
      if (message.kind === "damaged") damaged.push(message);
      if (message.kind === "done" || message.kind === "failed") last = message;
      display.show(message);
    },
    signal,
  ).finally(() => display.end());
  const done = resultOf(verb, storeKey, end, last, signal);
  report(out, verb, storeKey, done, damaged);
}

/** `zstd:3`, `none`; zstd:3 unless something is said. */
function compressionOf(text = "zstd:3"): { readonly ZSTD: number } | null {
  if (text === "none") return null;
  const level = Number(/^zstd:(-?\d{1,2})$/.exec(text)?.[1]);
  if (level >= -7 && level <= 22) return { ZSTD: level };
  throw new Failure("usage", `'${text}' is no compression`, { hint: "give zstd:LEVEL (1 to 22) or none" });
}

function resultOf(
  verb: OperateVerb,
  storeKey: string,
  end: ToolEnd,
  last: ToolMessage | undefined,
  signal: AbortSignal,
): Done {
  if (last?.kind === "done") return last;
  if (signal.aborted) {
    throw new Failure("interrupted", `stopped; the same command goes on with the ${verb}`);
  }
  if (last?.kind === "failed") {
    throw new Failure("archive-failed", `cannot ${verb} ${storeKey}: ${last.message}`, {
      hint: last.hint || undefined,
      data: { code: last.code },
    });
  }
  throw new Failure(
    "archive-failed",
    `cannot ${verb} ${storeKey}: the archive tool ended with ${end.status ?? "a signal"}`,
    {
      excerpt: end.stderr || undefined,
    },
  );
}

function report(out: Output, verb: OperateVerb, storeKey: string, done: Done, damaged: readonly Damaged[]): void {
  const { kind: _, ...result } = done;
  const found = damaged.map(({ chunk, files, reason }) => ({ chunk, files, reason }));
  const document = { verb, store_key: storeKey, ...result, damaged_chunks: found };
  const data = `${storeKey} version ${done.data_version}`;
  if (verb === "verify" && found.length > 0) {
    throw new Failure("archive-damaged", `${found.length} of ${done.chunks} chunks differ from ${data}`, {
      excerpt: found.map(damageText).join("\n"),
      hint: "`bv archive repair` fetches them again",
      data: document,
    });
  }
  const said: Readonly<Record<OperateVerb, string>> = {
    verify: `All ${done.chunks} chunks are as in ${data}`,
    repair: `Repaired ${done.repaired ?? 0} of ${done.chunks} chunks: the data are ${data}`,
    fetch: `Fetched ${data}`,
    push: `Pushed ${data}`,
  };
  out.line(said[verb]);
  out.document(document);
}

export function damageText({ chunk, files, reason }: Pick<Damaged, "chunk" | "files" | "reason">): string {
  const [first = "", ...more] = files;
  return `chunk ${chunk}: ${first}${more.length > 0 ? ` and ${more.length} more files` : ""}: ${reason}`;
}
