import { join } from "node:path";
import { accountNamed } from "../process/accounts.ts";
import { type JobConfig, scriptOf } from "./config.ts";
import type { Surroundings } from "./surroundings.ts";

/** The argv of a job's payload, or why there is none. */
export type Program =
  | { readonly kind: "program"; readonly command: readonly string[] }
  | { readonly kind: "impossible"; readonly reason: string };

export async function programOf(name: string, config: JobConfig, around: Surroundings): Promise<Program> {
  const script = scriptOf(config);
  if (script === undefined) return { kind: "program", command: [...around.archiveCommand, name] };
  if (config.run_as === undefined) return { kind: "program", command: [around.toolbox.shell, "-c", script] };
  const account = await accountNamed(around.paths.root, config.run_as);
  if (account === undefined) {
    return { kind: "impossible", reason: `cant run as a '${config.run_as}': user not found` };
  }
  return { kind: "program", command: asUser(account.name, script, around) };
}

/** busybox `su` sets uid, gid, supplementary groups, HOME, USER and LOGNAME, and becomes the shell. (D3-10) */
export function asUser(user: string, script: string, around: Pick<Surroundings, "toolbox">): readonly string[] {
  const { busybox, shell } = around.toolbox;
  return [busybox, "su", "-s", shell, user, "-c", script];
}

export const isArchive = (config: JobConfig): boolean => !("run_sh" in config.job_type);

export const isUpload = (config: JobConfig): boolean =>
  "upload" in config.job_type || "multi_client_upload" in config.job_type;

/** Exit status of an archive process whose next attempt would fail in the same way. None of Node's own. */
export const FINAL_STATUS = 65;

/** Text an archive process leaves when it fails, beside its exit status. */
export const failureFile = (jobFolder: string): string => join(jobFolder, "failure");

/** What an archive process transferred, when it succeeded. */
export const resultFile = (jobFolder: string): string => join(jobFolder, "result.json");
