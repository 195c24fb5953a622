import { closeSync, openSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { OperationError } from "@blockvisor/image/container";
import { createNodeCgroups, type NodeCgroups } from "../cgroups/index.ts";
import { failpoint } from "../durable/index.ts";
import type { ContainerDriver } from "./container-driver.ts";
import {
  type ContainerRecord,
  type ContainerRecords,
  checkedNodeId,
  createContainerRecords,
} from "./container-record.ts";
import type { CallOptions, ContainerRuntime, StartOptions } from "./container-runtime.ts";
import { endInit } from "./end-init.ts";
import { createExitWatch, type ExitWatch } from "./exit-watch.ts";
import { startInteractive } from "./interactive-process.ts";
import { createLaunchLocks } from "./launch-locks.ts";
import { bootId, exitOf, identifyProcess, isAlive, type ProcessIdentity } from "./process-identity.ts";

export interface RuntimeOptions {
  /** `<root>/run/blockvisor`: the tools' own state, worthless after a reboot. */
  readonly runDirectory: string;
  readonly nodeDirectory: (nodeId: string) => string;
  readonly cgroups?: NodeCgroups;
  /** Shared by the runtimes of one host. */
  readonly records?: ContainerRecords;
  readonly exits?: ExitWatch;
}

/** A runtime on top of a driver. It believes records it wrote itself, process identities and cgroups; no tool's list. */
export function createContainerRuntime(options: RuntimeOptions, driver: ContainerDriver): ContainerRuntime {
  const { kind } = driver;
  const cgroups = options.cgroups ?? createNodeCgroups();
  const records = options.records ?? createContainerRecords(options.nodeDirectory);
  const exits = options.exits ?? createExitWatch();

  /** Removes what an earlier run of the container left, alive or not: nothing of it is in use any more. */
  async function clear(nodeId: string): Promise<void> {
    await cgroups.kill(nodeId);
    await driver.forget(nodeId);
  }

  const locks = createLaunchLocks(join(options.runDirectory, "locks"));
  const locked = <T>(nodeId: string, work: (lock: number) => Promise<T>, call: CallOptions): Promise<T> =>
    locks.hold(checkedNodeId(nodeId), work, call);

  async function launch({ spec }: ContainerRecord, lock: number, call: StartOptions): Promise<ProcessIdentity> {
    const { nodeId } = spec;
    void cgroups.expectJoin();
    await clear(nodeId);
    const log = openSync(spec.logPath, "a", 0o600);
    try {
      const oomKillsBefore = cgroups.oomKills(nodeId) ?? 0;
      const pid = await driver.run(spec, { lock, log, ...call });
      failpoint("container.ran");
      const init = identifyProcess(pid);
      if (!init) {
        throw new OperationError("container-start-failed", `the first process of node ${nodeId} ended at once`, {
          fix: `see its output in ${spec.logPath}`,
        });
      }
      exits.watch(init);
      await records.put(nodeId, { kind, spec, init, oomKillsBefore });
      return init;
    } catch (error) {
      await clear(nodeId);
      throw error;
    } finally {
      closeSync(log);
    }
  }

  async function runningInit(nodeId: string): Promise<ProcessIdentity | undefined> {
    const init = (await records.find(nodeId))?.init;
    return init && isAlive(init) ? init : undefined;
  }

  async function requireRunning(nodeId: string): Promise<ContainerRecord> {
    const record = await records.get(nodeId);
    if (await runningInit(nodeId)) return record;
    throw new OperationError("container-not-running", `the container of node ${nodeId} does not run`, {
      fix: "start the node first",
    });
  }

  async function end(nodeId: string, call: CallOptions & { readonly timeoutMs: number }): Promise<void> {
    const record = await records.find(nodeId);
    if (!record) return;
    if (record.init) await endInit(record.init, call);
    await locked(nodeId, () => clear(nodeId), call);
    failpoint("container.cleared");
    if (record.init) {
      exits.forget(record.init);
      await records.put(nodeId, { kind, spec: record.spec });
    }
  }

  return {
    kind,
    kindOf: async () => kind,
    probe: () => driver.probe(),

    withoutUserNamespaces: () => driver.withoutUserNamespaces(),

    async create(spec) {
      checkedNodeId(spec.nodeId);
      if (await runningInit(spec.nodeId)) {
        throw new OperationError("container-running", `the container of node ${spec.nodeId} runs`, {
          fix: "stop the node first",
        });
      }
      // The cgroup is there before the first process, so that the firewall can name it; it stays until `delete`.
      await Promise.all([records.put(spec.nodeId, { kind, spec }), cgroups.ensure(spec.nodeId, spec.limits)]);
    },

    async start(nodeId, call = {}) {
      const record = await records.get(nodeId);
      const running = await runningInit(nodeId);
      if (running) exits.watch(running);
      return running ?? locked(nodeId, (lock) => launch(record, lock, call), call);
    },

    async exec(nodeId, command, call = {}) {
      const { spec } = await requireRunning(nodeId);
      const log = await open(command.logPath ?? "/dev/null", "a", 0o600);
      try {
        const pid = await driver.exec(spec, command, { log: log.fd, ...call });
        // A process that ended already is returned as one that is not alive.
        return identifyProcess(pid) ?? { pid, startTicks: 0, bootId: bootId() };
      } finally {
        await log.close();
      }
    },

    async execInteractive(nodeId, command, { signal } = {}) {
      const { spec } = await requireRunning(nodeId);
      return startInteractive(await driver.interactive(spec, command), spec.idBase ?? 0, command.terminal, signal);
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
      if (state.kind === "running") exits.watch(state.init);
      return state;
    },

    async ended(nodeId) {
      const { init, oomKillsBefore = 0 } = (await records.find(nodeId)) ?? {};
      if (init === undefined || init.bootId !== bootId() || isAlive(init)) return undefined;
      const oomKills = (cgroups.oomKills(nodeId) ?? oomKillsBefore) - oomKillsBefore;
      return { oomKills, exit: (await exits.exitOf(init)) ?? exitOf(init) };
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
      // Also of a container whose record is lost.
      await driver.forget(nodeId);
      await records.remove(nodeId);
      await locks.forget(nodeId);
    },
  };
}
