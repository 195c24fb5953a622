import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { attempt, type Trial } from "./trial.ts";

/** Oldest version with everything that the daemon uses (spec host-daemon §5.1). */
const oldest = [1, 3] as const;

/** What Apptainer mounts on; a root file system that is written to has to have it. */
const places = ["dev", "etc", "proc", "sys", "tmp", "var/tmp", "root"];

/** A container of one static program that ends at once: Apptainer may be installed and still be refused by the machine. */
export async function tryApptainer(busybox: string | undefined, signal: AbortSignal): Promise<Trial> {
  const asked = await attempt("apptainer", ["--version"], signal);
  if (!asked.worked) return asked;
  const [, major = "0", minor = "0"] = /(\d+)\.(\d+)/.exec(asked.said) ?? [];
  if (Number(major) < oldest[0] || (Number(major) === oldest[0] && Number(minor) < oldest[1])) {
    return { worked: false, reason: `version ${major}.${minor} is older than ${oldest.join(".")}` };
  }
  if (busybox === undefined) return { worked: false, reason: "there is no agent to run in it" };
  const folder = mkdtempSync(join(tmpdir(), "bv-doctor-"));
  try {
    const rootfs = join(folder, "rootfs");
    for (const place of places) mkdirSync(join(rootfs, place), { recursive: true });
    copyFileSync(busybox, join(rootfs, "busybox"));
    const isolation = ["--containall", "--cleanenv", "--writable", "--no-mount", "home,cwd,tmp,hostfs,bind-paths"];
    const command = ["apptainer", "exec", ...isolation, rootfs, "/busybox", "true"];
    return await attempt("env", [`APPTAINER_CONFIGDIR=${folder}`, ...command], signal);
  } catch (failure) {
    return { worked: false, reason: (failure as Error).message };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
