import type { ArchiveCleanup } from "../archive/task.ts";
import type { ProtocolData } from "../protocol-data/state.ts";
import { dataSource } from "./activation.ts";
import type { Job } from "./job.ts";
import { isArchive } from "./program.ts";
import { jobActive } from "./refusals.ts";

/** Drops what a job keeps to be able to resume, and no longer takes the protocol data for half filled by it. (§3.6, D2-16) */
export async function cleanupJob(
  job: Job,
  protocolData: ProtocolData,
  engine: Pick<ArchiveCleanup, "engineSocket" | "secret">,
): Promise<void> {
  if (job.active) throw jobActive("cleanup", job.name);
  if (isArchive(job.config)) {
    // Loaded when it is needed: an idle babel stays small.
    const { cleanupArchive } = await import("../archive/index.ts");
    await cleanupArchive({ name: job.name, config: job.config, folder: job.folder, protocolData, ...engine });
  }
  if (dataSource(job.name, job.config) !== undefined) await protocolData.abandon();
}
