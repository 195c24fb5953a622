import { randomBytes } from "node:crypto";
import { mkdir, open, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { OperationError, withFileLock } from "@blockvisor/image/container";
import { createNodeCgroups, type NodeCgroups } from "../cgroups/index.ts";
import { failpoint } from "../durable/index.ts";
import { type ContainerRecord, checkedNodeId, createContainerRecords } from "./container-record.ts";
import type { CallOptions, ContainerRuntime, ContainerSpec, RuntimeProbe } from "./container-runtime.ts";
import { endInit } from "./end-init.ts";
import { hostNameOf, hostsFile, resolvConf } from "./host-files.ts";
import { ociConfig, ociProcess } from "./oci-config.ts";
import { findOciProgram, type OciProgram } from "./oci-program.ts";
import { bootId, identifyProcess, isAlive, type ProcessIdentity } from "./process-identity.ts";

export interface OciRuntimeOptions {
  /** `<root>/run/blockvisor`: bundles and the tool's own state, worthless after a reboot. */
  readonly runDirectory: string;
  readonly nodeDirectory: (nodeId: string) => string;
  readonly cgroups?: NodeCgroups;
  /** Tools to try in this order; default runc, then crun. */
  readonly programs?: readonly string[];
}

/** Containers by runc or crun, each in its own bundle folder with a configuration of ours. */
export function createOciRuntime(options: OciRuntimeOptions): ContainerRuntime {
  const { runDirectory } = options;
  const cgroups = options.cgroups ?? createNodeCgroups();
  const records = createContainerRecords(options.nodeDirectory);
  const bundleOf = (nodeId: string) => join(runDirectory, "bundles", checkedNodeId(nodeId));
  const programs = options.programs ?? ["runc", "crun"];
  let found: ReturnType<typeof findOciProgram> | undefined;

  async function findProgram(): ReturnType<typeof findOciProgram> {
    await mkdir(runDirectory, { recursive: true, mode: 0o700 });
    return findOciProgram(runDirectory, (rootfs) => probeConfig(rootfs, cgroups), programs);
  }

  async function launch(record: ContainerRecord, lock: number, call: CallOptions): Promise<ProcessIdentity> {
    const { spec } = record;
    const { nodeId } = spec;
    const tool = await program();
    await clear(nodeId);
    const log = await open(spec.logPath, "a", 0o600);
    try {
      const bundle = await writeBundle(spec);
      await cgroups.ensure(nodeId, spec.limits);
      const oomKillsBefore = (await cgroups.usage(nodeId))?.oomKills ?? 0;
      const pidFile = join(bundle, "init.pid");
      await tool.run(["run", "--detach", "--bundle", bundle, "--pid-file", pidFile, nodeId], {
        errorCode: "container-start-failed",
        fix: "check that the image can run: its root file system needs nothing but the mounted agent",
        output: log.fd,
        inherit: lock,
        ...call,
      });
      failpoint("container.ran");
      const init = identifyProcess(Number(await readFile(pidFile, "utf8")));
      if (!init) {
        throw new OperationError("container-start-failed", `the first process of node ${nodeId} ended at once`, {
          fix: `see its output in ${spec.logPath}`,
        });
      }
      await records.put(nodeId, { kind: "oci", spec, init, oomKillsBefore });
      return init;
    } catch (error) {
      await clear(nodeId);
      throw error;
    } finally {
      await log.close();
    }
  }

  async function program(): Promise<OciProgram> {
    found ??= findProgram();
    const result = await found;
    if ("run" in result) return result;
    found = undefined; // What was missing may be there the next time.
    throw new OperationError(result.code, `containers cannot be run: ${result.reason}`, { fix: result.fix });
  }

  /**
   * Removes what an earlier run of the container left, alive or not: nothing of it is in use any more. The tool's own state is
   * no more than a folder once its processes and cgroups are gone.
   */
  async function clear(nodeId: string): Promise<void> {
    await cgroups.kill(nodeId);
    for (const name of programs) await rm(join(runDirectory, name, nodeId), { recursive: true, force: true });
    await rm(bundleOf(nodeId), { recursive: true, force: true });
  }

  /**
   * Held while a container is started or cleared; the tool holds it too, so that one that outlived a killed daemon is waited for
   * instead of raced.
   */
  async function locked<T>(nodeId: string, work: (lock: number) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const folder = join(runDirectory, "locks");
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return withFileLock(join(folder, checkedNodeId(nodeId)), work, signal ? { signal } : {});
  }

  async function writeBundle(spec: ContainerSpec): Promise<string> {
    const { nodeId } = spec;
    const bundle = bundleOf(nodeId);
    await mkdir(bundle, { recursive: true, mode: 0o700 });
    const host = {
      cgroup: cgroups.nameOf(nodeId),
      resolvConf: join(bundle, "resolv.conf"),
      hosts: join(bundle, "hosts"),
    };
    await writeFile(host.resolvConf, await resolvConf(), { mode: 0o644 });
    await writeFile(host.hosts, hostsFile(hostNameOf(spec.hostname)), { mode: 0o644 });
    await writeFile(join(bundle, "config.json"), JSON.stringify(ociConfig(spec, host)), { mode: 0o600 });
    return bundle;
  }

  async function runningInit(nodeId: string): Promise<ProcessIdentity | undefined> {
    const init = (await records.find(nodeId))?.init;
    return init && isAlive(init) ? init : undefined;
  }

  async function requireRunning(nodeId: string): Promise<void> {
    await records.get(nodeId);
    if (await runningInit(nodeId)) return;
    throw new OperationError("container-not-running", `the container of node ${nodeId} does not run`, {
      fix: "start the node first",
    });
  }

  async function end(nodeId: string, call: CallOptions & { readonly timeoutMs: number }): Promise<void> {
    const record = await records.find(nodeId);
    if (!record) return;
    if (record.init) await endInit(record.init, call);
    await locked(nodeId, () => clear(nodeId), call.signal);
    failpoint("container.cleared");
    if (record.init) await records.put(nodeId, { kind: "oci", spec: record.spec });
  }

  return {
    kind: "oci",

    async probe(): Promise<RuntimeProbe> {
      const result = await findProgram();
      if (!("run" in result)) return result;
      found = Promise.resolve(result);
      return { usable: true, program: result.name, version: result.version };
    },

    async create(spec) {
      checkedNodeId(spec.nodeId);
      if (await runningInit(spec.nodeId)) {
        throw new OperationError("container-running", `the container of node ${spec.nodeId} runs`, {
          fix: "stop the node first",
        });
      }
      await records.put(spec.nodeId, { kind: "oci", spec });
      // There before the first process, so that the firewall can name it; it stays until `delete`.
      await cgroups.ensure(spec.nodeId, spec.limits);
    },

    async start(nodeId, call = {}) {
      const record = await records.get(nodeId);
      const running = await runningInit(nodeId);
      return running ?? locked(nodeId, (lock) => launch(record, lock, call), call.signal);
    },

    async exec(nodeId, command, call = {}) {
      await requireRunning(nodeId);
      const tool = await program();
      const base = join(bundleOf(nodeId), `exec-${randomBytes(6).toString("hex")}`);
      const [processFile, pidFile] = [`${base}.json`, `${base}.pid`];
      await writeFile(processFile, JSON.stringify(ociProcess(command)), { mode: 0o600 });
      const log = await open(command.logPath ?? "/dev/null", "a", 0o600);
      try {
        await tool.run(["exec", "--detach", "--process", processFile, "--pid-file", pidFile, nodeId], {
          errorCode: "container-exec-failed",
          fix: `check that ${command.argv[0]} exists in the container`,
          output: log.fd,
          ...call,
        });
        const pid = Number(await readFile(pidFile, "utf8"));
        // A process that ended already is returned as one that is not alive.
        return identifyProcess(pid) ?? { pid, startTicks: 0, bootId: bootId() };
      } finally {
        await log.close();
        await rm(processFile, { force: true });
        await rm(pidFile, { force: true });
      }
    },

    async execInteractive(nodeId, command) {
      await requireRunning(nodeId);
      const tool = await program();
      // In a file, so that the environment does not show in the process list; it goes with the bundle.
      const processFile = join(bundleOf(nodeId), `shell-${randomBytes(6).toString("hex")}.json`);
      await writeFile(processFile, JSON.stringify(ociProcess(command)), { mode: 0o600 });
      return { file: tool.name, args: [...tool.args, "exec", "--process", processFile, nodeId], env: {} };
    },

    stop: (nodeId, call = {}) => end(nodeId, { timeoutMs: 10_000, ...call }),

    kill: (nodeId, call = {}) => end(nodeId, { ...call, timeoutMs: 0 }),

    async state(nodeId) {
      const record = await records.find(nodeId);
      if (!record) return { kind: "absent" };
      return record.init && isAlive(record.init) ? { kind: "running", init: record.init } : { kind: "stopped" };
    },

    async attach(nodeId) {
      const state = await this.state(nodeId);
      // Killed between starting and recording, or dead since: what is left is nobody's.
      if (state.kind === "stopped") await end(nodeId, { timeoutMs: 0 });
      return state;
    },

    async usage(nodeId) {
      if (!(await runningInit(nodeId))) return undefined;
      const before = (await records.find(nodeId))?.oomKillsBefore ?? 0;
      const usage = await cgroups.usage(nodeId);
      return usage && { ...usage, oomKills: usage.oomKills - before };
    },

    async delete(nodeId, call = {}) {
      await end(nodeId, { ...call, timeoutMs: 0 });
      await cgroups.remove(checkedNodeId(nodeId));
      await records.remove(nodeId);
      await rm(join(runDirectory, "locks", checkedNodeId(nodeId)), { force: true });
    },
  };
}

function probeConfig(rootfs: string, cgroups: NodeCgroups): object {
  const nothing = { nodeId: "probe", env: {}, mounts: [], ramdisks: [], limits: {}, logPath: "/dev/null" };
  const host = {
    cgroup: cgroups.nameOf(`probe-${randomBytes(6).toString("hex")}`),
    resolvConf: "/dev/null",
    hosts: "/dev/null",
  };
  return ociConfig({ ...nothing, rootfs, init: ["/init"], hostname: "probe", network: { kind: "host" } }, host);
}
