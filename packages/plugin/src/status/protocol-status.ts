import type { JobProgress } from "../engine/job.ts";

/** What `protocol_status()` reports (spec plugin-api.md §5.7). */
export interface ProtocolStatus {
  readonly state: string;
  readonly health: "healthy" | "neutral" | "unhealthy";
  /** Of the download or upload that the state is about, where it tells one. */
  readonly progress?: JobProgress;
}
