import type { NodeIsolationJson } from "@blockvisor/wire/blockvisor/host/v1/host";

/** How a node is held apart from the machine, as `--format json` shows it (host-daemon DB-5.4). */
export interface IsolationView {
  readonly runtime: string;
  /** Root of the node is root of the machine. */
  readonly privileged: boolean;
  /** First of the machine's user ids that are the node's; null: it has the machine's own. */
  readonly user_id_base: number | null;
  readonly machine_ids_because: string;
  readonly seccomp: boolean;
  readonly no_new_privileges: boolean;
  readonly capabilities: readonly string[];
  readonly host_network: boolean;
}

export function isolationView(isolation: NodeIsolationJson): IsolationView {
  return {
    runtime: isolation.runtime ?? "",
    privileged: isolation.privileged ?? false,
    user_id_base: isolation.userIdBase ?? null,
    machine_ids_because: isolation.machineIdsBecause ?? "",
    seccomp: isolation.seccomp ?? false,
    no_new_privileges: isolation.noNewPrivileges ?? false,
    capabilities: isolation.capabilities ?? [],
    host_network: isolation.hostNetwork ?? false,
  };
}

/** One line for people. */
export function isolationText(view: IsolationView): string {
  const ids =
    view.user_id_base === null
      ? `the machine's user ids (${view.machine_ids_because})`
      : `user ids from ${view.user_id_base}`;
  return [
    ...(view.privileged ? ["PRIVILEGED: root of the machine"] : []),
    ids,
    view.seccomp ? "seccomp" : "no seccomp",
    view.host_network ? "the host's network" : "own network",
    `${view.capabilities.length} capabilities`,
    view.runtime,
  ].join(", ");
}
