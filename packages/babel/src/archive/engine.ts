import { QuotaExceededSchema } from "@blockvisor/wire/blockvisor/archive/v1/archive";
import type { BabelEngine } from "@blockvisor/wire/blockvisor/babel/v1/babel";
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import { chunkFromReference, chunkFromWire, compressionFromWire, headerFromWire } from "./format/wire.ts";
import type { ArchiveSource, ArchiveVersion } from "./source.ts";
import { pause } from "./transfer/retry.ts";

type Engine = Client<typeof BabelEngine>;

const CALL_MS = 90_000;
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30_000;
/** A host or an API that fails, rather than being away, is asked this often. */
const FAILING_CALLS = 4;
const AWAY: readonly Code[] = [Code.Unavailable, Code.DeadlineExceeded, Code.ResourceExhausted];
const FAILING: readonly Code[] = [Code.Internal, Code.Unknown, Code.Aborted];

/**
 * Calls the host. While it is away (its daemon restarts, the API is down) the call is repeated without limit: a job never fails for that. Any
 * other answer is an answer. (§9.6, D4-13)
 *
 * @throws ConnectError as the host answered; TransferFault `cancelled`
 */
export async function askHost<T>(
  call: (options: { readonly timeoutMs: number; readonly signal: AbortSignal }) => Promise<T>,
  options: {
    readonly signal: AbortSignal;
    readonly log: (line: string) => void;
    readonly timeoutMs?: number;
    readonly firstWaitMs?: number;
  },
): Promise<T> {
  const { signal, log, timeoutMs = CALL_MS, firstWaitMs = FIRST_WAIT_MS } = options;
  for (let failed = 0, failing = 0; ; failed += 1) {
    try {
      return await call({ timeoutMs, signal });
    } catch (error) {
      await pause(0, signal);
      const failure = ConnectError.from(error);
      const { code, rawMessage } = failure;
      // Somebody has to do something about it first.
      if (failure.findDetails(QuotaExceededSchema).length > 0) throw error;
      if (FAILING.includes(code)) failing += 1;
      else if (!AWAY.includes(code)) throw error;
      if (failing >= FAILING_CALLS) throw error;
      const wait = Math.min(LONGEST_WAIT_MS, firstWaitMs * 2 ** Math.min(failed, 10)) * (0.5 + Math.random() / 2);
      if (failed === 0) log(`the host does not answer (${rawMessage.slice(0, 200)}); asking again`);
      await pause(wait, signal);
    }
  }
}

/** An archive as the host's engine has it: by store key, or that of the node's image. */
export function engineSource(
  engine: Engine,
  storeKey: string | undefined,
  context: { readonly signal: AbortSignal; readonly log: (line: string) => void; readonly firstWaitMs?: number },
): ArchiveSource {
  const archive =
    storeKey === undefined ? {} : { archive: { archive: { case: "storeKey" as const, value: storeKey } } };
  const reference = storeKey === undefined ? {} : { storeKey };
  /** An older host or API has only what the reference has. */
  let extended = true;

  const either = async <T>(ours: () => Promise<T>, references: () => Promise<T>): Promise<T> => {
    if (!extended) return references();
    try {
      return await ours();
    } catch (error) {
      if (ConnectError.from(error).code !== Code.Unimplemented) throw error;
      extended = false;
      return references();
    }
  };

  return {
    name: storeKey ?? "the archive of the node's image",
    async version(dataVersion) {
      const wanted = dataVersion === undefined ? {} : { dataVersion: BigInt(dataVersion) };
      try {
        return await either<ArchiveVersion>(
          async () => {
            const found = await askHost((options) => engine.getManifest({ ...archive, ...wanted }, options), context);
            const { dataVersion, summary, filesUrl } = found;
            if (summary === undefined) throw new ConnectError("a manifest without a summary", Code.Internal);
            const header = headerFromWire(summary);
            return { dataVersion: Number(dataVersion), header, ...(filesUrl === undefined ? {} : { filesUrl }) };
          },
          async () => {
            const found = await askHost(
              (options) => engine.getDownloadMetadata({ ...reference, ...wanted }, options),
              context,
            );
            const header = {
              totalSize: Number(found.totalSize),
              compression: compressionFromWire(found.compression),
              chunks: found.chunks,
            };
            return { dataVersion: Number(found.dataVersion), header };
          },
        );
      } catch (error) {
        if (error instanceof ConnectError && error.code === Code.NotFound) return undefined;
        throw error;
      }
    },
    chunks: (dataVersion, indexes) =>
      either(
        async () => {
          const request = { ...archive, dataVersion: BigInt(dataVersion), indexes: [...indexes], urls: true };
          return (await askHost((options) => engine.getChunks(request, options), context)).chunks.map(chunkFromWire);
        },
        async () => {
          const request = { ...reference, dataVersion: BigInt(dataVersion), chunkIndexes: [...indexes] };
          const { chunks } = await askHost((options) => engine.getDownloadChunks(request, options), context);
          return chunks.map(chunkFromReference);
        },
      ),
  };
}
