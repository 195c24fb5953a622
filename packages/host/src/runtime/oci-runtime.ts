import { randomBytes } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { OperationError } from "@blockvisor/image/container";
import { createNodeCgroups } from "../cgroups/index.ts";
import type { ContainerDriver } from "./container-driver.ts";
import type { ContainerRuntime, ContainerSpec } from "./container-runtime.ts";
import { hostNameOf, hostsFile, resolvConf } from "./host-files.ts";
import { prepareMountPoints, SYSTEM_FOLDERS } from "./mount-points.ts";
import { ociConfig, ociProcess } from "./oci-config.ts";
import { findOciProgram, type OciProgram } from "./oci-program.ts";
import { createContainerRuntime, type RuntimeOptions } from "./supervised-runtime.ts";

export interface OciRuntimeOptions extends RuntimeOptions {
  /** Tools to try in this order; default runc, then crun. */
  readonly programs?: readonly string[];
}

/** Containers by runc or crun, each in its own bundle folder with a configuration of ours. */
export function createOciRuntime(options: OciRuntimeOptions): ContainerRuntime {
  const cgroups = options.cgroups ?? createNodeCgroups();
  const { runDirectory, programs = ["runc", "crun"] } = options;
  const bundleOf = (nodeId: string) => join(runDirectory, "bundles", nodeId);
  let found: ReturnType<typeof findOciProgram> | undefined;

  async function findProgram(): ReturnType<typeof findOciProgram> {
    await mkdir(runDirectory, { recursive: true, mode: 0o700 });
    return findOciProgram(runDirectory, (rootfs) => probeConfig(rootfs, cgroups.nameOf("probe")), programs);
  }

  async function program(): Promise<OciProgram> {
    found ??= findProgram();
    const result = await found;
    if ("run" in result) return result;
    found = undefined; // What was missing may be there the next time.
    throw new OperationError(result.code, `containers cannot be run: ${result.reason}`, { fix: result.fix });
  }

  async function writeBundle(spec: ContainerSpec): Promise<string> {
    const bundle = bundleOf(spec.nodeId);
    await mkdir(bundle, { recursive: true, mode: 0o700 });
    const host = {
      cgroup: cgroups.nameOf(spec.nodeId),
      resolvConf: join(bundle, "resolv.conf"),
      hosts: join(bundle, "hosts"),
    };
    await Promise.all([
      resolvConf().then((text) => writeFile(host.resolvConf, text, { mode: 0o644 })),
      writeFile(host.hosts, hostsFile(hostNameOf(spec.hostname)), { mode: 0o644 }),
      writeFile(join(bundle, "config.json"), JSON.stringify(ociConfig(spec, host)), { mode: 0o600 }),
    ]);
    return bundle;
  }

  const driver: ContainerDriver = {
    kind: "oci",

    async probe() {
      const result = await findProgram();
      if (!("run" in result)) return result;
      found = Promise.resolve(result);
      return { usable: true, program: result.name, version: result.version };
    },

    async run(spec, { lock, log, network, onLaunch, ...call }) {
      const mounts = spec.mounts.map(({ destination }) => destination);
      const [tool, bundle] = await Promise.all([
        program(),
        writeBundle(spec),
        prepareMountPoints(spec.rootfs, { folders: [...SYSTEM_FOLDERS, ...mounts] }),
        network,
      ]);
      const pidFile = join(bundle, "init.pid");
      await tool.run(["run", "--detach", "--bundle", bundle, "--pid-file", pidFile, spec.nodeId], {
        errorCode: "container-start-failed",
        fix: "check that the image can run: its root file system needs nothing but the mounted agent",
        output: log,
        inherit: lock,
        ...(onLaunch ? { onSpawn: onLaunch } : {}),
        ...call,
      });
      return Number(await readFile(pidFile, "utf8"));
    },

    async exec({ nodeId }, command, { log, ...call }) {
      const tool = await program();
      const base = join(bundleOf(nodeId), `exec-${randomBytes(6).toString("hex")}`);
      const [processFile, pidFile] = [`${base}.json`, `${base}.pid`];
      await writeFile(processFile, JSON.stringify(ociProcess(command)), { mode: 0o600 });
      try {
        await tool.run(["exec", "--detach", "--process", processFile, "--pid-file", pidFile, nodeId], {
          errorCode: "container-exec-failed",
          fix: `check that ${command.argv[0]} exists in the container`,
          output: log,
          ...call,
        });
        return Number(await readFile(pidFile, "utf8"));
      } finally {
        await rm(processFile, { force: true });
        await rm(pidFile, { force: true });
      }
    },

    async interactive({ nodeId }, command) {
      const tool = await program();
      // In a file, so that the environment does not show in the process list; it goes with the bundle.
      const processFile = join(bundleOf(nodeId), `shell-${randomBytes(6).toString("hex")}.json`);
      await writeFile(processFile, JSON.stringify(ociProcess(command)), { mode: 0o600 });
      return { file: tool.name, args: [...tool.args, "exec", "--process", processFile, nodeId], env: {} };
    },

    async forget(nodeId) {
      // A tool's own state is no more than a folder once the processes and mounts of the container are gone.
      const folders = [...programs.map((name) => join(runDirectory, name, nodeId)), bundleOf(nodeId)];
      await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })));
    },
  };
  return createContainerRuntime({ ...options, cgroups }, driver);
}

function probeConfig(rootfs: string, cgroup: string): object {
  const nothing = { nodeId: "probe", env: {}, mounts: [], ramdisks: [], limits: {}, logPath: "/dev/null" };
  const host = { cgroup: `${cgroup}-${randomBytes(6).toString("hex")}`, resolvConf: "/dev/null", hosts: "/dev/null" };
  return ociConfig({ ...nothing, rootfs, init: ["/init"], hostname: "probe", network: { kind: "host" } }, host);
}
