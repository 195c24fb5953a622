import { chown, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { isOperationError, runTool } from "@blockvisor/image/container";
import { chooseRange } from "../user-namespace/index.ts";
import { apptainerGround } from "./apptainer-ground.ts";
import { containerOptions } from "./apptainer-options.ts";
import { prepareState } from "./apptainer-state.ts";
import type { ContainerSpec, RuntimeProbe } from "./container-runtime.ts";

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

/** Why a container cannot be run by root of a user namespace; `undefined`: it can. Asked of a machine where Apptainer works. */
export async function tryUserNamespace(runDirectory: string): Promise<string | undefined> {
  try {
    await tryContainer(runDirectory, chooseRange(new Set()));
    return undefined;
  } catch (error) {
    if (!isOperationError(error)) throw error;
    return error.message;
  }
}

/** The trial's root file system is empty folders with the machine's own programs mounted on them. */
async function tryContainer(runDirectory: string, idBase?: number): Promise<void> {
  const folder = join(runDirectory, idBase === undefined ? "apptainer-trial" : "apptainer-own-ids");
  // What a trial that was killed has left.
  await rm(folder, { recursive: true, force: true });
  const programs = ["/bin", "/lib", "/lib64", "/usr"];
  const places = [...programs, "/dev", "/etc", "/proc", "/sys", "/tmp", "/var/tmp", "/root"];
  const rootfs = join(folder, "rootfs");
  const spec: ContainerSpec = {
    nodeId: "trial",
    ...(idBase === undefined ? {} : { idBase }),
    ...{ rootfs, init: ["/bin/true"], env: {}, hostname: "trial", network: { kind: "host" } },
    mounts: programs.map((path) => ({ source: path, destination: path, readOnly: true })),
    ...{ ramdisks: [], limits: {}, logPath: "/dev/null" },
  };
  try {
    const state = join(folder, "state");
    await prepareState(state, idBase);
    for (const place of places) await mkdir(join(rootfs, place), { recursive: true });
    if (idBase !== undefined) await chown(rootfs, idBase, idBase);
    const ground = apptainerGround(spec, { folder: state, joinFiles: [], unifiedFolder: undefined });
    const [tool, ...args] = ground.start([
      "apptainer",
      "exec",
      ...containerOptions(spec, ground),
      ground.rootfs,
      "/bin/true",
    ]);
    await runTool(tool, args, {
      env: { ...process.env, APPTAINER_CONFIGDIR: ground.folder },
      timeoutMs: TRIAL_TIMEOUT_MS,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
