import { lstat } from "node:fs/promises";
import { isDeepStrictEqual } from "node:util";
import { HostError } from "../errors/host-error.ts";
import { switched, switchedBack } from "./after-failure.ts";
import { failedAs } from "./command-outcome.ts";
import type { NodeParts } from "./node-host.ts";
import { hexOf, pullOptions } from "./node-image.ts";
import { contentOf, type NodeContent, type NodeState } from "./node-state.ts";
import type { ExecutorTable } from "./outcome.ts";
import { wantsPrivileges } from "./privileged.ts";
import { checkTarget } from "./smoke-check.ts";
import { watchHealth } from "./watch-health.ts";

/** A blocked upgrade is worth another try after this (spec host-daemon §4.10). */
const blockedRetrySeconds = 3600;

/** Steps that exchange a node's version. */
export const upgradeSteps = {
  pull_target: async ({ host, paths }, { uri }, context) => {
    const { state } = context;
    const upgrade = upgradeOf(state);
    const { digest, config } = await host.images.ensure(uri, pullOptions(context));
    const privileged = wantsPrivileges(host.config, uri, config);
    if (digest === state.image.digest && !upgrade.force && isUnchanged(contentOf(state), upgrade.target)) {
      context.progress("unchanged: the node already runs this image with these settings");
      return { state: { upgrade: null } };
    }
    const taken = new Set((await host.rootfs.list(paths.directory)).map(({ version }) => version));
    const image = { ...upgrade.target.image, digest, rootfs: freeName(hexOf(digest), taken), privileged };
    return { state: { upgrade: { ...upgrade, target: { ...upgrade.target, image } } } };
  },

  check_target: async (node, _, context) => {
    const upgrade = upgradeOf(context.state);
    await checkTarget(node, upgrade.target, upgrade.smoke_check, context);
    return { state: { upgrade: { ...upgrade, checked: true } } };
  },

  begin_switch: async (node, _, { state, signal }) => {
    const upgrade = upgradeOf(state);
    const wasRunning = state.expected_status === "Running";
    // In a container that has ended there are none, and no babel to ask.
    if ((await node.host.runtime.state(state.id)).kind === "running") await refuseBlockingJobs(node, signal);
    const stamp = await dataStamp(node);
    return { state: { upgrade: { ...upgrade, stage: "stop", was_running: wasRunning, data_stamp: stamp } } };
  },

  switch_content: async ({ host }, _, { state }) => {
    const { vm_config: vm } = upgradeOf(state).target;
    const cpus = state.dev_mode
      ? []
      : host.cpus.reserve(state.id, vm.vcpu_count, state.assigned_cpus, state.cpu_policy);
    return { state: switched(state, cpus, Date.now()), seen: { firewall: "unknown" } };
  },

  watch_health: async (node, _, { state, signal }) => {
    const upgrade = upgradeOf(state);
    if (upgrade.watch !== null) await watchHealth(node, state, upgrade.watch, signal);
    return { state: { upgrade: { ...upgrade, watch: null } } };
  },

  finish_upgrade: async (node, _, { state }) => {
    await removeRootsExcept(node, [state.image.rootfs, state.state_backup?.image.rootfs]);
    return { state: { upgrade: null } };
  },

  switch_back: async ({ host }, _, { state }) => {
    const { vcpu_count: count = 0 } = state.state_backup?.vm_config ?? {};
    // Those it had are held for an upgrade that fails; later they may have gone to another node.
    const isHeld = state.dev_mode || upgradeOf(state).need_rollback !== null;
    const cpus = isHeld ? undefined : host.cpus.reserve(state.id, count, state.assigned_cpus, state.cpu_policy);
    return { state: switchedBack(state, cpus), seen: { firewall: "unknown" } };
  },

  finish_rollback: async (node, _, { state }) => {
    const upgrade = upgradeOf(state);
    await removeRootsExcept(node, [state.image.rootfs, state.state_backup?.image.rootfs]);
    if (upgrade.need_rollback === null) return { state: { upgrade: null } };
    const problem = {
      code: "upgrade_rolled_back",
      message: rolledBackMessage(upgrade.need_rollback),
      hint: "correct the image and upgrade again; the node runs its old version",
      since: Date.now(),
      attempts: 0,
      next_attempt: null,
    };
    return { state: { upgrade: null, problem, ...failedAs(state, problem) } };
  },
} satisfies Partial<ExecutorTable>;

function rolledBackMessage(reason: string): string {
  return `node upgrade failed with: '${reason}'; but then successfully rolled back`;
}

/** mtime of the "protocol data touched" marker in epoch milliseconds, null without one. The file is the container's: never followed. */
export async function dataStamp({ paths }: NodeParts): Promise<number | null> {
  const stat = await lstat(`${paths.data}/.protocol_data.lock`).catch(() => undefined);
  return stat?.mtimeMs ?? null;
}

function upgradeOf(state: NodeState): NonNullable<NodeState["upgrade"]> {
  if (state.upgrade === null) throw new HostError("internal", "no upgrade is under way");
  return state.upgrade;
}

function isUnchanged(current: NodeContent, target: NodeContent): boolean {
  const comparable = ({ image, ...rest }: NodeContent): unknown => ({
    ...rest,
    version: image.version,
    config: image.config_id,
  });
  return isDeepStrictEqual(comparable(current), comparable(target));
}

function freeName(name: string, taken: ReadonlySet<string>): string {
  if (!taken.has(name)) return name;
  for (let suffix = 2; ; suffix += 1) if (!taken.has(`${name}-${suffix}`)) return `${name}-${suffix}`;
}

/** Error `blocking_job` while a job runs that must not be cut off. */
export async function refuseBlockingJobs(node: NodeParts, signal: AbortSignal): Promise<void> {
  const { jobs } = await node.link.call("get_jobs", (options) => node.link.jobs.listJobs({}, options), {
    signal,
    retry: true,
  });
  const blocking = jobs.filter((job) => job.upgradeBlocking && job.status?.status.case === "running");
  if (blocking.length === 0) return;
  const names = blocking.map(({ name }) => name).join(", ");
  throw new HostError(
    "blocking_job",
    `can't proceed while 'upgrade_blocking' job is running. Try again after ${blockedRetrySeconds} seconds.`,
    { hint: `wait for ${names}, or stop it with \`bv node job stop\``, retryAfterSeconds: blockedRetrySeconds },
  );
}

async function removeRootsExcept({ host, paths }: NodeParts, kept: readonly (string | undefined)[]): Promise<void> {
  for (const { version } of await host.rootfs.list(paths.directory)) {
    if (!kept.includes(version)) await host.rootfs.remove(paths.directory, version);
  }
}
