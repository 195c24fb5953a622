import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { isOperationError, runTool } from "@blockvisor/image/container";
import { PRIVILEGES } from "./apptainer-options.ts";
import type { RuntimeProbe } from "./container-runtime.ts";

/** Oldest version with everything used here (spec host-daemon §5.1). */
const MINIMUM = [1, 3] as const;
const TRIAL_TIMEOUT_MS = 20_000;

/** Whether Apptainer works here, found out by running `true` in a container: it refuses to in a chroot or without capabilities, say. */
export async function probeApptainer(runDirectory: string): Promise<RuntimeProbe> {
  try {
    const { stdout } = await runTool("apptainer", ["--version"]);
    const version = /(\d+)\.(\d+)\S*/.exec(stdout);
    const [major = 0, minor = 0] = [Number(version?.[1]), Number(version?.[2])];
    if (!version || major < MINIMUM[0] || (major === MINIMUM[0] && minor < MINIMUM[1])) {
      const reason = `Apptainer ${version?.[0]} is too old`;
      return { usable: false, code: "runtime-unusable", reason, fix: `install ${MINIMUM.join(".")} or newer` };
    }
    await tryContainer(runDirectory);
    return { usable: true, program: "apptainer", version: version[0] };
  } catch (error) {
    if (!isOperationError(error)) throw error;
    const missing = error.code === "tool-missing";
    const fix = missing ? "install Apptainer 1.3 or newer, see https://apptainer.org" : "see: apptainer --debug exec …";
    return { usable: false, code: missing ? error.code : "runtime-unusable", reason: error.message, fix };
  }
}

/** The trial's root file system is empty folders with the machine's own programs mounted on them. */
async function tryContainer(runDirectory: string): Promise<void> {
  const folder = join(runDirectory, "apptainer-trial");
  // What a trial that was killed has left.
  await rm(folder, { recursive: true, force: true });
  const programs = ["/bin", "/lib", "/lib64", "/usr"];
  const places = [...programs, "/dev", "/etc", "/proc", "/sys", "/tmp", "/var/tmp", "/root"];
  try {
    const rootfs = join(folder, "rootfs");
    for (const place of places) await mkdir(join(rootfs, place), { recursive: true });
    const isolation = ["--containall", "--cleanenv", "--writable", "--no-mount", "home,cwd,tmp,hostfs,bind-paths"];
    const binds = programs.flatMap((path) => ["--bind", `${path}:${path}:ro`]);
    await runTool("apptainer", ["exec", ...isolation, ...PRIVILEGES, ...binds, rootfs, "/bin/true"], {
      env: { ...process.env, APPTAINER_CONFIGDIR: folder },
      timeoutMs: TRIAL_TIMEOUT_MS,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
