import { statfs } from "node:fs/promises";
import { availableParallelism, totalmem } from "node:os";
import { HostError } from "../errors/host-error.ts";
import type { NodeState, VmConfig } from "./node-state.ts";

/** An image may ask for a babel at most as new as ours; patch numbers do not count (spec host-daemon §4.2, check 1). */
export function checkBabelVersion(minimum: string, own: string): void {
  const wanted = parseVersion(minimum);
  if (wanted === undefined) throw new HostError("invalid", `failed to parse min_babel_version=${minimum}`);
  const [major = 0, minor = 0] = parseVersion(own) ?? [];
  if (wanted[0] < major || (wanted[0] === major && wanted[1] <= minor)) return;
  throw new HostError(
    "unsupported",
    `image require never version of babel '${minimum}' while current is '${own}' - upgrade bv first`,
  );
}

function parseVersion(text: string): readonly [number, number] | undefined {
  const match = /^(\d+)\.(\d+)\.(\d+)(?:[-+].*)?$/.exec(text);
  return match ? [Number(match[1]), Number(match[2])] : undefined;
}

const mb = 1_000_000;
const gb = 1_000_000_000;

/** What a machine has for nodes. */
interface Machine {
  readonly cores: number;
  /** So many are promised for each. */
  readonly overcommit: number;
  readonly memoryBytes: number;
  /** Of the disk that the nodes are on. */
  readonly diskBytes: number;
  readonly freeDiskBytes: number;
}

export async function machineOf(directory: string, overcommit: number): Promise<Machine> {
  const { blocks, bavail, bsize } = await statfs(directory);
  const disk = { diskBytes: blocks * bsize, freeDiskBytes: bavail * bsize };
  return { cores: availableParallelism(), overcommit, memoryBytes: totalmem(), ...disk };
}

/** This share of the disk is promised to nobody. */
const diskReserve = 0.05;

/**
 * Declared needs of all nodes against what the machine has: also what others do not use yet is theirs (spec host-daemon §4.2 check 5,
 * DB-5.10, §11.6). Data that were moved to another disk count there, a space here. Who needs nothing is never refused. Error `no_resources`.
 */
export function checkResources(needed: VmConfig, others: readonly NodeState[], machine: Machine): void {
  // What the kernel keeps to a size may be filled with changes of the image alone.
  const isHere = ({ data_directory: elsewhere, space }: NodeState): boolean =>
    elsewhere === null || space.kind !== "shared";
  const disk = spaceOf("GB", machine.diskBytes / gb, others.filter(isHere), ({ disk_size_gb: size }) => size);
  const unpromised = Math.min(disk.available - (diskReserve * machine.diskBytes) / gb, machine.freeDiskBytes / gb);
  const available = Math.max(0, Math.floor(unpromised));
  if (needed.disk_size_gb > available) {
    const message = `not enough disk space to allocate for the node: required=${needed.disk_size_gb}, available=${available}`;
    throw new HostError("no_resources", message, { hint: hintOf(disk.text) });
  }
  const memory = spaceOf("MB", machine.memoryBytes / mb, others, ({ mem_size_mb: size }) => size);
  if (needed.mem_size_mb > Math.max(0, memory.available)) {
    throw new HostError("no_resources", "not enough memory to allocate for the node", {
      hint: hintOf(`required=${needed.mem_size_mb} MB, available=${memory.available} MB; ${memory.text}`),
    });
  }
  const unit =
    machine.overcommit === 1 ? "cores" : `cores to promise (${machine.overcommit} for each of ${machine.cores})`;
  const cores = spaceOf(unit, machine.cores * machine.overcommit, others, ({ vcpu_count: count }) => count);
  if (needed.vcpu_count > Math.max(0, cores.available)) {
    throw new HostError("no_resources", "not enough vcpu to allocate for the node", {
      hint: hintOf(`required=${needed.vcpu_count}, available=${cores.available}; ${cores.text}`),
    });
  }
}

/**
 * What an upgrade asks for beyond what the node has. One that asks for no more is not refused, however much is promised. `all`: with the node
 * itself. Error `no_resources`.
 */
export function checkGrowth(needed: VmConfig, node: NodeState, all: readonly NodeState[], machine: Machine): void {
  const { vm_config: has, data_directory: elsewhere, space } = node;
  const more = (size: (vm: VmConfig) => number): number => Math.max(0, size(needed) - size(has));
  const growth = {
    ...needed,
    vcpu_count: more((vm) => vm.vcpu_count),
    mem_size_mb: more((vm) => vm.mem_size_mb),
    disk_size_gb: elsewhere === null || space.kind !== "shared" ? more((vm) => vm.disk_size_gb) : 0,
  };
  checkResources(growth, all, machine);
}

interface Space {
  readonly available: number;
  /** Who has it. */
  readonly text: string;
}

function spaceOf(unit: string, all: number, others: readonly NodeState[], size: (vm: VmConfig) => number): Space {
  const total = Math.floor(all);
  // What an upgrade that is under way asks for is promised, too.
  const promised = ({ vm_config: vm, upgrade }: NodeState): number =>
    Math.max(size(vm), upgrade === null ? 0 : size(upgrade.target.vm_config));
  const sizes = others.map((node) => ({ name: node.name, size: promised(node) })).filter((each) => each.size > 0);
  const largest = sizes.toSorted((a, b) => b.size - a.size).slice(0, 3);
  const who = largest.map((each) => `${each.name} ${each.size}`).join(", ");
  const available = total - sizes.reduce((sum, each) => sum + each.size, 0);
  return { available, text: `the machine has ${total} ${unit}${who && `, of which nodes asked for most: ${who}`}` };
}

function hintOf(text: string): string {
  return `${text}; delete a node, choose a smaller variant, or set maintenance_mode in blockvisor.json to skip this check`;
}
