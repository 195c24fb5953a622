import { type Command, CommandExitCode as Exit, type NodeCommand } from "@blockvisor/wire/blockjoy/v1/command";
import type { Node } from "@blockvisor/wire/blockjoy/v1/node";
import { HostError, reportOf } from "../errors/host-error.ts";
import { checkFirewall } from "../firewall/index.ts";
import { checkBabelVersion, checkGrowth, checkResources, machineOf } from "../node/admission.ts";
import type { ChosenAddresses } from "../node/choose-address.ts";
import type { NodeActor } from "../node/node-actor.ts";
import type { NodeContent, NodeState } from "../node/node-state.ts";
import type { NodeTable } from "../node/node-table.ts";
import { deleteNode, restartNode, startNode, stopNode, upgradeNode } from "../service/node-operations.ts";
import { contentOfApiNode, stateOfApiNode } from "./convert-node.ts";
import type { CommandResult } from "./outbox.ts";
import { renameNode, updateNode } from "./update-node.ts";

export interface CommandContext {
  readonly nodes: NodeTable;
  /** Our own version, which is babel's. */
  readonly version: string;
  /** A directory on the file system that holds the nodes. */
  readonly directory: string;
  readonly maintenanceMode: boolean;
  readonly cpuOvercommit: number;
  /** All addresses of a node that the API has given one. */
  readonly addresses: (ip: string) => Promise<ChosenAddresses>;
  /** Upgrades run the new image beside the node before anything is stopped. */
  readonly smokeCheck: boolean;
  /** So long an upgraded node has to stay healthy. */
  readonly watchMs: number;
  readonly onPluginResult: (nodeId: string, name: string) => void;
  /** The API has the result of a command for this node. */
  readonly onReported: (nodeId: string) => void;
}

/** Executes one command of the API (spec host-daemon §7.4). Never rejects: what went wrong is the result. `again`: it was begun before a crash, or before its turn. */
export async function executeCommand(
  context: CommandContext,
  command: Command,
  again: boolean,
): Promise<CommandResult> {
  try {
    await run(context, command, again);
    return { exit_code: Exit.OK, exit_message: null, retry_hint_seconds: null };
  } catch (error) {
    return resultOf(error);
  }
}

async function run(context: CommandContext, { commandId, command }: Command, again: boolean): Promise<void> {
  switch (command.case) {
    case "node":
      return runNodeCommand(context, commandId, command.value, again);
    case "host":
      if (command.value.command.case === "pending") return;
      throw new HostError("unsupported", "command is not supported");
    default:
      throw new HostError("internal", "command without body");
  }
}

async function runNodeCommand(
  context: CommandContext,
  commandId: string,
  { nodeId, command }: NodeCommand,
  again: boolean,
): Promise<void> {
  if (command.case === undefined) throw new HostError("internal", "node command without body");
  if (command.case === "create") return createNode(context, commandId, required(command.value.node));
  const actor = context.nodes.get(nodeId);
  if (actor === undefined) {
    // A deletion that was begun before a crash has taken the node away.
    if (command.case === "delete" && (again || (await context.nodes.deleteBroken(nodeId)))) return;
    throw new HostError("not_found", "node not found");
  }
  const asker = { commandId };
  switch (command.case) {
    case "start":
      await startNode(actor, asker);
      return;
    case "stop":
      await stopNode(actor, false, asker);
      return;
    case "restart":
      await restartNode(actor, false, asker);
      return;
    case "delete":
      await deleteNode(actor, asker);
      return;
    case "upgrade":
      return upgrade(context, actor, required(command.value.node), asker);
    case "update":
      await updateNode(actor, command.value, asker);
      return;
    case "rename":
      await renameNode(context.nodes, actor, command.value, asker);
      return;
    case "runPlugin":
      // Whether it ran before the crash cannot be known; running it twice could be worse than not at all.
      if (again) throw new HostError("failed", "the daemon was restarted while the plugin function ran");
      return runPlugin(context, actor, command.value.function, command.value.payload);
  }
}

async function createNode(context: CommandContext, commandId: string, node: Node): Promise<void> {
  const existing = context.nodes.get(node.nodeId);
  if (existing) {
    // Known from before a crash: whatever is left of its creation comes first in its mailbox.
    const { state } = await existing.operate({ kind: "recover", change: () => ({}) });
    if (state.created) return;
  }
  const state = stateOfApiNode(node);
  checkBabelVersion(state.image.min_babel_version, context.version);
  checkFirewall(state.firewall);
  const machine = await machineOf(context.directory, context.cpuOvercommit);
  const { extraIps, release } = await context.addresses(state.ip);
  // From here to the claim that `create` begins with nothing waits: of two nodes at once the second sees what the first has taken.
  try {
    if (!context.maintenanceMode) checkResources(state.vm_config, statesOf(context), machine);
    const creation = context.nodes.create({ ...state, extra_ips: [...extraIps] }, { commandId });
    // From here on the table knows that they are taken.
    release();
    await creation;
  } finally {
    release();
  }
}

async function upgrade(
  context: CommandContext,
  actor: NodeActor,
  node: Node,
  asker: { readonly commandId: string },
): Promise<void> {
  const content = contentOfApiNode(node);
  const { state } = actor.snapshot();
  if (content.image.store_key === "") content.image.store_key = state.image.store_key;
  if (state.upgrade === null && state.last_command !== asker.commandId && state.image.id === content.image.id) return;
  const machine = await machineOf(context.directory, context.cpuOvercommit);
  const target = (current: NodeState): NodeContent => {
    checkBabelVersion(content.image.min_babel_version, context.version);
    checkFirewall(content.firewall);
    if (!context.maintenanceMode) checkGrowth(content.vm_config, current, statesOf(context), machine);
    return content;
  };
  await upgradeNode(actor, target, { force: false, smokeCheck: context.smokeCheck, watchMs: context.watchMs }, asker);
}

type NodeCommandKind = NonNullable<NodeCommand["command"]["case"]>;

/** What is given up for a later stop: the node comes to rest in the version it has, which the API knows. A deletion ends everything. */
const endedByStop: readonly NodeCommandKind[] = ["start", "restart"];

/** Whether a command of a node makes an earlier one of the same node pointless, that runs or waits. */
export function overtakes(later: Command, earlier: Command): boolean {
  const [by, what] = [nodeKindOf(later), nodeKindOf(earlier)];
  if (what === undefined) return false;
  return by === "delete" ? what !== "delete" : by === "stop" && endedByStop.includes(what);
}

const nodeKindOf = ({ command }: Command): NodeCommandKind | undefined =>
  command.case === "node" ? command.value.command.case : undefined;

/** Begins with a stop or deletion at once, whatever command of the node runs; its own turn finds out how it ended. */
export function preempt({ nodes }: CommandContext, { commandId, command }: Command): void {
  const actor = command.case === "node" ? nodes.get(command.value.nodeId) : undefined;
  if (actor === undefined || command.case !== "node") return;
  const asker = { commandId };
  const begun = command.value.command.case === "delete" ? deleteNode(actor, asker) : stopNode(actor, false, asker);
  begun.catch(() => {});
}

async function runPlugin(context: CommandContext, actor: NodeActor, name: string, payload: Uint8Array): Promise<void> {
  let param: string;
  try {
    param = new TextDecoder("utf-8", { fatal: true }).decode(payload);
  } catch {
    throw new HostError("invalid", "NodeRunPlugin payload not utf8");
  }
  if (!actor.parts.plugin.capabilities.includes(name))
    throw new HostError("invalid", `plugin function '${name}' not found`);
  await actor.callPlugin(name, param);
  context.onPluginResult(actor.id, name);
}

function statesOf({ nodes }: CommandContext) {
  return nodes.snapshots().map(({ state }) => state);
}

function required(node: Node | undefined): Node {
  if (node === undefined) throw new HostError("invalid", "Missing node details");
  return node;
}

const exitCodes: Readonly<Record<string, Exit>> = {
  unsupported: Exit.NOT_SUPPORTED,
  blocking_job: Exit.BLOCKING_JOB_RUNNING,
  upgrade_rolled_back: Exit.NODE_UPGRADE_ROLLBACK,
  upgrade_failed: Exit.NODE_UPGRADE_FAILURE,
  gate: Exit.SERVICE_NOT_READY,
};

/** Of a command that was not begun, because a later one makes it pointless. */
export const overtaken: CommandResult = {
  exit_code: Exit.INTERNAL_ERROR,
  exit_message: "given up for a later stop or deletion of the node",
  retry_hint_seconds: null,
};

function resultOf(error: unknown): CommandResult {
  const { code, message } = reportOf(error);
  const exit =
    code === "not_found" && message === "node not found"
      ? Exit.NODE_NOT_FOUND
      : (exitCodes[code] ?? Exit.INTERNAL_ERROR);
  return {
    exit_code: exit,
    exit_message: exit === Exit.INTERNAL_ERROR ? `BV internal error: '${message}'` : message,
    retry_hint_seconds: error instanceof HostError ? (error.retryAfterSeconds ?? null) : null,
  };
}
