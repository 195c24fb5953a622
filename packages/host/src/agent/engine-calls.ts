import type { BabelEngine } from "@blockvisor/wire/blockvisor/babel/v1/babel";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import { archiveCalls, nodeAccess } from "./engine-archive-store.ts";
import { downloadChunks, downloadMetadata, type NodeArchives, putManifest, uploadSlots } from "./engine-archives.ts";

/** What one node's babel may ask of the host. Read at each call, so a change of the node needs no new server. */
export interface EnginePort {
  /** The secret of the node's current start. */
  secret(): string | undefined;
  /** Undefined: the node has no control plane. */
  archives(): Promise<NodeArchives | undefined>;
  /** Bytes per second that an archive job of the node may transfer just now; undefined: as many as it can. */
  transferShare(job: string): number | undefined;
  blockingJobsFinished(): void;
  babelError(message: string): void;
  /** Somebody asked without the secret; told once, however often they ask (spec babel-agent T-27). */
  unauthenticated(): void;
}

const longestJobName = 255;

const noArchives =
  "there are no archives for this node: it runs in dev mode, or its host is not registered with a control plane, which keeps them; register the host with `bvup TOKEN` and launch the node from a pushed image";

/** The calls of a node that were let in. */
export function engineCalls(port: EnginePort): ServiceImpl<typeof BabelEngine> {
  const archives = async (): Promise<NodeArchives> => {
    const found = await port.archives();
    if (found === undefined) throw new ConnectError(noArchives, Code.NotFound);
    return found;
  };
  return {
    getDownloadMetadata: async (request) => {
      const { dataVersion, totalSize, compression, chunks } = await downloadMetadata(await archives(), request);
      return { dataVersion, totalSize, chunks, ...(compression ? { compression } : {}) };
    },
    getDownloadChunks: async (request) => ({
      chunks: (await downloadChunks(await archives(), request)).chunks,
    }),
    getUploadSlots: async (request) => {
      const { dataVersion, slots } = await uploadSlots(await archives(), request);
      return { dataVersion, slots };
    },
    putDownloadManifest: async (parts) => {
      await putManifest(await archives(), parts);
      return {};
    },
    ...archiveCalls(async () => nodeAccess(await archives())),
    upgradeBlockingJobsFinished: async () => {
      port.blockingJobsFinished();
      return {};
    },
    getTransferShare: async ({ job }) => {
      const share = port.transferShare(job.slice(0, longestJobName));
      return share === undefined ? {} : { bytesPerSecond: BigInt(share) };
    },
    bvError: async ({ message }) => {
      port.babelError(message.slice(0, 4096));
      return {};
    },
  };
}
