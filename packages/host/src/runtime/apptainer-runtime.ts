import { existsSync } from "node:fs";
import { mkdir, open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { isOperationError, OperationError, runTool } from "@blockvisor/image/container";
import { createNodeCgroups } from "../cgroups/index.ts";
import { apptainerEnvironment, execOptions, runOptions } from "./apptainer-options.ts";
import { probeApptainer } from "./apptainer-probe.ts";
import type { ContainerDriver } from "./container-driver.ts";
import type { ContainerRuntime, ContainerSpec, RuntimeProbe } from "./container-runtime.ts";
import { findRunScript, spawnInContainer } from "./joined-process.ts";
import { prepareMountPoints, SYSTEM_FOLDERS } from "./mount-points.ts";
import { createContainerRuntime, type RuntimeOptions } from "./supervised-runtime.ts";

/**
 * Enters the node's cgroups ($1: their files, one a line), gives up the daemon's protection from the memory killer, then becomes the rest of its arguments. With $2 it first makes, in a
 * mount namespace of its own, what is bound into the container (a /sys of the right network, ram disks: `size path` a line), and
 * stays as the parent: it holds the lock (descriptor 3), which Apptainer would hand on to what lives as long as the container.
 */
const ENTER = `
  set -e
  printf '%s\\n' "$1" | while read -r file; do echo $$ >"$file"; done
  [ "$(cat /proc/$$/oom_score_adj)" -ge 0 ] || echo 0 >/proc/$$/oom_score_adj
  mounts=$2
  shift 2
  [ -n "$mounts" ] || exec "$@"
  printf '%s\\n' "$mounts" | while read -r size path; do
    mkdir -p "$path"
    if [ "$size" = sysfs ]; then mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$path"
    else mount -t tmpfs -o "nosuid,nodev,size=$size" tmpfs "$path"; fi
  done
  "$@" 3>&-`;

/**
 * Containers as Apptainer instances (spec host-daemon §5). Apptainer's own init is process 1; the agent's init runs as the
 * instance's run script, and is the one the node lives and dies with.
 * There is no seccomp profile, unlike under the oci runtime: Apptainer 1.4 crashes in every third start when it is given one. Each node has its own folder of Apptainer state, so nothing of the user's is touched.
 */
export function createApptainerRuntime(
  options: RuntimeOptions & { readonly extraArgs?: readonly string[] },
): ContainerRuntime {
  const cgroups = options.cgroups ?? createNodeCgroups();
  const folderOf = (nodeId: string) => join(options.runDirectory, "apptainer", nodeId);
  let found: Promise<RuntimeProbe> | undefined;

  /** argv of a process that becomes `apptainer …` inside the node's cgroups and network. */
  function entering(spec: ContainerSpec, mounts: readonly string[], command: readonly string[]): readonly string[] {
    const network = spec.network.kind === "host" ? [] : ["nsenter", `--net=${spec.network.path}`];
    const privateMounts = mounts.length > 0 ? ["unshare", "--mount", "--propagation", "private"] : [];
    const enter = ["sh", "-c", ENTER, "sh", cgroups.joinFiles(spec.nodeId).join("\n"), mounts.join("\n")];
    return [...network, ...privateMounts, ...enter, "apptainer", ...command];
  }

  const driver: ContainerDriver = {
    kind: "apptainer",
    async probe() {
      found ??= probeApptainer(options.runDirectory);
      const result = await found;
      if (!result.usable) found = undefined; // What was missing may be there the next time.
      return result;
    },

    withoutUserNamespaces: async () => "Apptainer, run by root, gives containers the machine's user ids",

    async run(spec, { lock, log, network, onLaunch, ...call }) {
      const folder = folderOf(spec.nodeId);
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await Promise.all([prepareMountPoints(spec.rootfs, placesOf(spec)), network]);
      const pidFile = join(folder, "init.pid");
      const sysfs = join(folder, "sys");
      const ramdisks = spec.ramdisks.map(({ sizeMb, mountPoint }, index) => {
        return { size: sizeMb * 1_000_000, source: join(folder, `ramdisk-${index}`), destination: mountPoint };
      });
      const mounts = [`sysfs ${sysfs}`, ...ramdisks.map(({ size, source }) => `${size} ${source}`)];
      const command = [
        ...["instance", "run", "--pid-file", pidFile],
        ...runOptions(spec, { sysfs, runScript: initOnHost(spec), ramdisks }),
        ...(options.extraArgs ?? []),
        ...[spec.rootfs, spec.nodeId, ...spec.init.slice(1)],
      ];
      const [tool = "", ...args] = entering(spec, mounts, command);
      const errors = join(folder, "errors");
      const output = await open(errors, "w", 0o600);
      try {
        const env = { ...toolEnvironment(folder), ...apptainerEnvironment(spec.env) };
        const launched = onLaunch ? { onSpawn: onLaunch } : {};
        await runTool(tool, args, { output: output.fd, inherit: [lock], env, onlyEnv: true, ...launched, ...call });
      } catch (error) {
        throw await failure(error, "container-start-failed", errors);
      } finally {
        await output.close();
      }
      return (await findRunScript(Number(await readFile(pidFile, "utf8")))) ?? 0;
    },

    async exec(spec, command, { log }) {
      const folder = folderOf(spec.nodeId);
      const env = { ...toolEnvironment(folder), ...apptainerEnvironment(command.env) };
      return spawnInContainer(entering(spec, [], ["exec", ...execOptions(spec, command)]), {
        env,
        log,
        initPidFile: join(folder, "init.pid"),
      });
    },

    async interactive(spec, command) {
      const [file = "", ...args] = entering(spec, [], ["exec", ...execOptions(spec, command)]);
      return { file, args, env: { ...toolEnvironment(folderOf(spec.nodeId)), ...apptainerEnvironment(command.env) } };
    },

    forget: (nodeId) => rm(folderOf(nodeId), { recursive: true, force: true }),
  };
  return createContainerRuntime({ ...options, cgroups }, driver);
}

/** Apptainer's processes stay visible in the container, so they get nothing of the daemon's own environment. */
function toolEnvironment(folder: string): Readonly<Record<string, string>> {
  return { PATH: process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin", HOME: "/root", APPTAINER_CONFIGDIR: folder };
}

/** Apptainer mounts only on what exists. */
function placesOf(spec: ContainerSpec): Parameters<typeof prepareMountPoints>[1] {
  const mounts = spec.mounts.map(({ destination }) => destination);
  const ramdisks = spec.ramdisks.map(({ mountPoint }) => mountPoint);
  return {
    folders: [...SYSTEM_FOLDERS, "/tmp", "/var/tmp", "/root", ...mounts, ...ramdisks],
    files: ["/etc/resolv.conf", "/etc/hosts", "/.singularity.d/runscript"],
  };
}

/** Where init is on the host: it comes with a mount, so that the image has no say in what runs. */
function initOnHost(spec: ContainerSpec): string {
  const program = spec.init[0] ?? "";
  const mount = spec.mounts.find(({ destination }) => program.startsWith(`${destination}/`));
  const path = mount && join(mount.source, program.slice(mount.destination.length));
  if (path && existsSync(path)) return path;
  throw new OperationError("container-start-failed", `the init program ${program} does not exist`, {
    fix: "install blockvisor again: its agent bundle is not complete",
  });
}

async function failure(error: unknown, code: string, errors: string): Promise<unknown> {
  if (!isOperationError(error, "tool-failed")) return error;
  const said = await readFile(errors, "utf8").catch(() => "");
  const fatal = said.split("\n").filter((line) => /^(FATAL|ERROR)/.test(line));
  const reason = (fatal.length > 0 ? fatal.join("; ") : said.trim()).replace(/\x1b\[[0-9;]*m/g, "").slice(-1_000);
  return new OperationError(code, `apptainer: ${reason || error.message}`, {
    fix: "check that the image can run: its root file system needs nothing but the mounted agent",
    cause: error,
  });
}
