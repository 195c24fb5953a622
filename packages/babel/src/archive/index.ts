import type { ArchiveCleanup, ArchiveResult, ArchiveTask } from "./task.ts";

/** One attempt of an archive job. @throws with what is to be told; the job's restart policy decides about the next attempt */
export async function runArchive(task: ArchiveTask): Promise<ArchiveResult> {
  const { job_type: type } = task.config;
  if ("download" in type || "multi_client_download" in type) {
    const { runDownloadJob } = await import("./download/download-job.ts");
    return runDownloadJob(task);
  }
  const { runUploadJob } = await import("./upload/upload-job.ts");
  return runUploadJob(task);
}

/** Drops what an archive job keeps to be able to resume. (D4-12, §5.9) */
export async function cleanupArchive(cleanup: ArchiveCleanup): Promise<void> {
  const { job_type: type } = cleanup.config;
  if ("download" in type || "multi_client_download" in type) {
    const { cleanupDownload } = await import("./download/cleanup.ts");
    return cleanupDownload(cleanup);
  }
  const { cleanupUpload } = await import("./upload/cleanup.ts");
  return cleanupUpload(cleanup);
}
