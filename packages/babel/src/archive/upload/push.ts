import { engineClient } from "../../service/engine.ts";
import { engineSource } from "../engine.ts";
import type { ArchiveResult } from "../task.ts";
import { TransferFault } from "../transfer/fault.ts";
import type { ProgressState } from "../transfer/progress.ts";
import { compressionOf, expiresOf } from "./environment.ts";
import { publishedContent } from "./published.ts";
import { engineTarget } from "./target.ts";
import { type UploadSettings, uploadArchive } from "./upload-archive.ts";
import { uploadTools } from "./upload-tools.ts";

/** A folder that an operator makes the next version of an archive, without any node. Sizes in bytes. */
export type Push = {
  readonly engineSocket: string;
  readonly secret: string;
  readonly storeKey: string;
  /** Absolute. */
  readonly folder: string;
  readonly stateFolder: string;
  readonly dataVersion?: number;
  readonly maxConnections?: number;
  readonly maxBytesPerSecond?: number;
  readonly exclude?: readonly string[];
  /** null: none. */
  readonly compression?: { readonly ZSTD: number } | null;
  readonly layout?: UploadSettings["layout"];
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
  readonly report: (change: Partial<ProgressState>) => void;
};

const EXPIRES_SECS = 3600;

/** `bv archive push`: uploads a folder by hand, and goes on with what an earlier call left in the state folder. */
export async function pushArchive(push: Push): Promise<ArchiveResult & { readonly bytesTransferred: number }> {
  const { signal, log, report, storeKey, compression } = push;
  const onPause = (reason: string | undefined): void =>
    report(reason === undefined ? { phase: "transfer", message: "chunks" } : { phase: "paused", message: reason });
  const tools = uploadTools({ signal, log, times: {}, onPause });
  tools.limit({
    ...(push.maxConnections === undefined ? {} : { max_connections: push.maxConnections }),
    ...(push.maxBytesPerSecond === undefined ? {} : { max_bytes_per_second: push.maxBytesPerSecond }),
  });
  const engine = engineClient(push.engineSocket, () => push.secret);
  const call = { signal, log };
  try {
    const result = await uploadArchive({
      settings: {
        exclude: push.exclude ?? [],
        appendOnly: [],
        compression: compressionOf(compression === undefined ? 3 : compression?.ZSTD),
        numberOfChunks: undefined,
        urlExpiresSecs: expiresOf(EXPIRES_SECS),
        dataVersion: push.dataVersion,
        layout: push.layout ?? "parts",
        allowEmpty: false,
      },
      root: push.folder,
      stateFolder: push.stateFolder,
      target: (uploadId) => engineTarget(engine, storeKey, call, uploadId),
      storeKey,
      published: (version) => publishedContent(engineSource(engine, storeKey, call), version),
      // Nobody says when it is used: what changes is seen by the files themselves.
      generation: async () => "",
      source: {},
      tools,
      runners: tools.runners,
      report,
    });
    return { ...result, bytesTransferred: tools.sent.total };
  } catch (error) {
    if (signal.aborted) throw new TransferFault("cancelled", "upload interrupted", { cause: error });
    throw error;
  } finally {
    await tools.close();
  }
}
