import { type Failure, refused } from "../failure.ts";

export const jobActive = (doing: string, name: string): Failure =>
  refused("job-active", `can't ${doing} active job '${name}'`, "Stop it first.");

export const notOneTime = (name: string): Failure =>
  refused("job-not-one-time", `can't reset job '${name}': it is no one-time job`, "Just start it; it may run again.");
