import { existsSync } from "node:fs";
import { open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { isOperationError, OperationError, runTool } from "@blockvisor/image/container";
import { createNodeCgroups } from "../cgroups/index.ts";
import { type ApptainerGround, apptainerGround } from "./apptainer-ground.ts";
import { apptainerEnvironment, execOptions, runOptions } from "./apptainer-options.ts";
import { probeApptainer, tryUserNamespace } from "./apptainer-probe.ts";
import { prepareState, writeSeccompProfile } from "./apptainer-state.ts";
import type { ContainerDriver } from "./container-driver.ts";
import type { ContainerRuntime, ContainerSpec, ExecSpec, InteractiveSpec, RuntimeProbe } from "./container-runtime.ts";
import { findRunScript, spawnInContainer } from "./joined-process.ts";
import { prepareMountPoints, SYSTEM_FOLDERS } from "./mount-points.ts";
import { createContainerRuntime, type RuntimeOptions } from "./supervised-runtime.ts";

/**
 * Containers as Apptainer instances (spec host-daemon §5). Apptainer's own init is process 1; the agent's init runs as the
 * instance's run script, and is the one the node lives and dies with.
 * Each node has its own folder of Apptainer state, so nothing of the user's is touched.
 */
export function createApptainerRuntime(
  options: RuntimeOptions & { readonly extraArgs?: readonly string[] },
): ContainerRuntime {
  const cgroups = options.cgroups ?? createNodeCgroups();
  const folderOf = (nodeId: string) => join(options.runDirectory, "apptainer", nodeId);
  let found: Promise<RuntimeProbe> | undefined;
  let withoutUserNamespaces: Promise<string | undefined> | undefined;

  const groundOf = (spec: ContainerSpec): ApptainerGround =>
    apptainerGround(spec, {
      folder: folderOf(spec.nodeId),
      joinFiles: cgroups.joinFiles(spec.nodeId),
      unifiedFolder: cgroups.unifiedFolder(spec.nodeId),
    });

  /** argv of a process that becomes a command in the running container, and what it needs besides. */
  async function entering(spec: ContainerSpec, command: ExecSpec | InteractiveSpec) {
    const ground = groundOf(spec);
    const folder = folderOf(spec.nodeId);
    // Also where an earlier version of the daemon started the container.
    await writeSeccompProfile(folder);
    const initPidFile = join(folder, "init.pid");
    const init = Number(await readFile(initPidFile, "utf8"));
    const argv = ground.beside(["apptainer", "exec", ...execOptions(spec, ground, command)], init);
    return {
      argv,
      init,
      initPidFile,
      env: { ...toolEnvironment(ground.folder), ...apptainerEnvironment(command.env) },
    };
  }

  const driver: ContainerDriver = {
    kind: "apptainer",
    async probe() {
      found ??= probeApptainer(options.runDirectory);
      const result = await found;
      if (!result.usable) found = undefined; // What was missing may be there the next time.
      return result;
    },

    withoutUserNamespaces: () => (withoutUserNamespaces ??= tryUserNamespace(options.runDirectory)),

    async run(spec, { lock, log, network, ...call }) {
      const folder = folderOf(spec.nodeId);
      await prepareState(folder, spec.idBase);
      const places = { ...placesOf(spec), ...(spec.idBase === undefined ? {} : { owner: spec.idBase }) };
      await Promise.all([prepareMountPoints(spec.rootfs, places), network]);
      const pidFile = join(folder, "init.pid");
      const ground = groundOf(spec);
      const [tool, ...args] = ground.start([
        ...["apptainer", "instance", "run", "--pid-file", join(ground.folder, "init.pid")],
        ...runOptions(spec, ground, initOnHost(spec, ground)),
        ...(options.extraArgs ?? []),
        ...[ground.rootfs, spec.nodeId, ...spec.init.slice(1)],
      ]);
      const errors = join(folder, "errors");
      const output = await open(errors, "w", 0o600);
      try {
        const env = { ...toolEnvironment(ground.folder), ...apptainerEnvironment(spec.env) };
        await runTool(tool, args, { output: output.fd, inherit: [lock], env, onlyEnv: true, ...call });
      } catch (error) {
        throw await failure(error, "container-start-failed", errors);
      } finally {
        await output.close();
      }
      return (await findRunScript(Number(await readFile(pidFile, "utf8")))) ?? 0;
    },

    async exec(spec, command, { log }) {
      const { argv, init: _, ...call } = await entering(spec, command);
      return spawnInContainer(argv, { ...call, log });
    },

    async interactive(spec, command) {
      const { argv, env, init } = await entering(spec, command);
      return { argv, env, terminal: String(init) };
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

/** Where init is outside the container: it comes with a mount, so that the image has no say in what runs. */
function initOnHost(spec: ContainerSpec, ground: ApptainerGround): string {
  const program = spec.init[0] ?? "";
  const index = spec.mounts.findIndex(({ destination }) => program.startsWith(`${destination}/`));
  const [onHost, seen] = [spec.mounts[index], ground.mounts[index]];
  const path = program.slice(onHost?.destination.length);
  if (onHost && seen && existsSync(join(onHost.source, path))) return join(seen.source, path);
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
