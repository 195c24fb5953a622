import { readdir, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { engineClient } from "../../service/engine.ts";
import type { ArchiveCleanup } from "../task.ts";
import { loadPlan } from "./plan-file.ts";
import { engineTarget } from "./target.ts";
import { forgetUploadId, uploadIdOf } from "./upload-id.ts";

const PATIENCE_MS = 3000;
/** What an upload keeps; the index of content-addressed chunks is what makes the next one short, and stays. */
const KEPT = ["plan", "journal", "spool", "uploaded.json"];
/** What the reference keeps. (§5.2) */
const REFERENCE = ["upload.blueprint", "upload.chunks"];

/**
 * Drops what an upload job keeps, of all its clients, and gives its reservations up. A host that is away does not keep the job from being
 * cleaned up: then the reservation runs out by itself. (§5.9, D5-05)
 */
export async function cleanupUpload(
  { name, config, protocolData, engineSocket, secret }: ArchiveCleanup,
  patienceMs = PATIENCE_MS,
): Promise<void> {
  const state = join(protocolData.folder, name);
  const engine = engineClient(engineSocket, () => secret);
  const signal = AbortSignal.timeout(patienceMs);
  const release = async (path: string): Promise<void> => {
    const plan = await loadPlan(join(path, "plan"));
    if (plan !== undefined) {
      const target = engineTarget(engine, plan.storeKey, { signal, log: () => undefined }, await uploadIdOf(path));
      // As long as the reservation stands, the next upload is its owner.
      await target.release(plan.dataVersion).then(
        () => forgetUploadId(path),
        () => undefined,
      );
    }
    for (const each of KEPT) await rm(join(path, each), { recursive: true, force: true });
    await rmdir(path).catch(() => undefined);
  };
  if ("multi_client_upload" in config.job_type) {
    for (const entry of await readdir(state, { withFileTypes: true }).catch(() => [])) {
      if (entry.isDirectory()) await release(join(state, entry.name));
    }
  }
  await release(state);
  for (const each of REFERENCE) await rm(join(protocolData.folder, each), { force: true });
}
