export type { AdminCredentials } from "./first-start.ts";
export { type ApiOptions, type RunningApi, startApi } from "./start-api.ts";
