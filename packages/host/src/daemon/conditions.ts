import type { HostError } from "../errors/host-error.ts";
import type { MetricsEndpoint } from "../metrics/metrics-endpoint.ts";
import type { NodeSnapshot } from "../node/node-actor.ts";
import { type NodeHost, usesHostNetwork } from "../node/node-host.ts";
import { unsafeArguments } from "../runtime/apptainer-arguments.ts";
import type { RuntimeProbe } from "../runtime/index.ts";

/** Something about the host that `bv status` and `bv doctor` tell; not ok: somebody should do something about it. */
export interface Condition {
  readonly name: string;
  readonly ok: boolean;
  readonly message: string;
}

export function metricsCondition(metrics: MetricsEndpoint | HostError): Condition {
  if ("url" in metrics) return { name: "metrics", ok: true, message: metrics.url };
  return { name: "metrics", ok: false, message: `${metrics.message}; ${metrics.hint}` };
}

export function runtimeCondition(kind: string, probe: RuntimeProbe): Condition {
  return probe.usable
    ? { name: "runtime", ok: true, message: `${kind}: ${probe.program} ${probe.version}` }
    : { name: "runtime", ok: false, message: `${probe.reason}; ${probe.fix}` };
}

/** Spec host-daemon S6. */
export function pluginCondition({ workersAgainst: against }: Pick<NodeHost, "workersAgainst">): Condition {
  if (against === undefined) return { name: "plugins", ok: true, message: "run in a sandbox" };
  const message = `plugins run as an unprivileged user, but not in a sandbox: ${against}; it takes perl, and a daemon with all rights of root`;
  return { name: "plugins", ok: false, message };
}

/** Options that may switch isolation off, as the operator insisted on, must not go unseen (spec host-daemon S8). */
export function argumentConditions({
  config,
  runtime,
}: Pick<NodeHost, "config"> & { readonly runtime: Pick<NodeHost["runtime"], "kind"> }): readonly Condition[] {
  const unsafe = unsafeArguments(config.runtime.extra_args ?? []);
  if (unsafe.length === 0 || runtime.kind !== "apptainer") return [];
  const message = `every container is started with extra_args of blockvisor.json that may switch its isolation off: ${unsafe.join(" ")}`;
  return [{ name: "extra-args", ok: true, message }];
}

/** What is wrong with nodes and is not for them alone to tell. */
export function nodeConditions(
  host: Pick<NodeHost, "config" | "cgroups" | "unsaved"> & { readonly trash: Pick<NodeHost["trash"], "problem"> },
  snapshots: readonly NodeSnapshot[],
): readonly Condition[] {
  const { unsaved, trash } = host;
  const named = (name: string, message: string, nodes: readonly NodeSnapshot[]): readonly Condition[] =>
    nodes.length === 0
      ? []
      : [{ name, ok: false, message: `${message}: ${nodes.map(({ state }) => state.name).join(", ")}` }];
  const unfiltered = snapshots.filter(
    ({ state, seen }) =>
      seen.container === "running" && usesHostNetwork(host, state) && host.cgroups.socketMatch(state.id) === undefined,
  );
  const privileged = snapshots.filter(({ state }) => state.image.privileged).map(({ state }) => state.name);
  const stuck = snapshots.filter(
    ({ state }) => state.expected_status === "Failed" && state.problem?.code === "upgrade_failed",
  );
  const ofMachine = `root of the machine, as privileged_images in blockvisor.json allows: ${privileged.join(", ")}`;
  const [failure] = unsaved.values();
  return [
    // Spec host-daemon DB-6.3.
    ...named(
      "firewall",
      "firewall rules are not enforced for nodes on the host's network, as this machine has no cgroup version 2",
      unfiltered,
    ),
    // DB-5.4.
    ...(privileged.length === 0 ? [] : [{ name: "privileged", ok: true, message: ofMachine }]),
    // DB-3.8.
    ...named("upgrade", "nodes whose upgrade failed and was not taken back wait for a decision", stuck),
    ...(failure === undefined
      ? []
      : [{ name: "state", ok: false, message: `states of nodes (${unsaved.size}) cannot be written: ${failure}` }]),
    ...(trash.problem === undefined ? [] : [{ name: "trash", ok: false, message: trash.problem }]),
  ];
}
