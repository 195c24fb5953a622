/** What `protocol_status()` reports (spec plugin-api.md §5.7). */
export interface ProtocolStatus {
  readonly state: string;
  readonly health: "healthy" | "neutral" | "unhealthy";
}
