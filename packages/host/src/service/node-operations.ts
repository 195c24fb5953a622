import { errorOf, HostError } from "../errors/host-error.ts";
import { checkPlace } from "../node/data-place.ts";
import type { NodeActor, NodeSnapshot } from "../node/node-actor.ts";
import { refuseHeld, refuseHeldNow } from "../node/node-hold.ts";
import { contentOf, type NodeContent, type NodeState } from "../node/node-state.ts";
import type { OperationNews } from "../node/operation-news.ts";
import type { OperationRequest } from "../node/operation-request.ts";

/** Where an operation comes from, and who is told about its steps. */
export type Asker = Pick<OperationRequest, "onNews" | "commandId" | "requestId" | "origin">;

/** Brings a node up; a node that runs already is left as it is. */
export async function startNode(actor: NodeActor, asker: Asker): Promise<NodeSnapshot> {
  const { dev_mode: devMode, initialized } = actor.snapshot().state;
  await refuseHeld(actor);
  const isDown = actor.snapshot().status === "Stopped";
  // Engineers edit scripts in place: what is on disk counts (spec plugin-api §1.8).
  if (devMode && isDown) await actor.reloadPlugin();
  return actor.operate({
    kind: "start",
    change: () => {
      refuseHeldNow(actor);
      return { ...up, restarting: false, force: false, ...(devMode && isDown && initialized ? dirty : {}) };
    },
    ...asker,
  });
}

const up = { expected_status: "Running", paused: false } as const;
const dirty = { config_dirty: true } as const;

export function stopNode(actor: NodeActor, force: boolean, asker: Asker): Promise<NodeSnapshot> {
  return actor.operate({ kind: "stop", force, change: (state) => stopped(state, force), ...asker });
}

/** What a stop makes of a node, whatever is done with it. */
export function stopped({ upgrade, move }: NodeState, force: boolean): Partial<NodeState> {
  return {
    expected_status: "Stopped",
    restarting: false,
    paused: false,
    force,
    upgrade: withoutStart(upgrade),
    move: move && { ...move, given_up: true },
  };
}

/** What a stop makes of an upgrade: one that has not begun is given up, any other ends with the node stopped. */
function withoutStart(upgrade: NodeState["upgrade"]): NodeState["upgrade"] {
  return upgrade === null || upgrade.stage === "prepare" ? null : { ...upgrade, was_running: false };
}

export async function restartNode(actor: NodeActor, force: boolean, asker: Asker): Promise<NodeSnapshot> {
  await refuseHeld(actor);
  return actor.operate({
    kind: "restart",
    force,
    change: () => {
      refuseHeldNow(actor);
      return { ...up, restarting: true, force };
    },
    ...asker,
  });
}

export function deleteNode(actor: NodeActor, asker: Asker): Promise<NodeSnapshot> {
  return actor.operate({ kind: "delete", change: () => ({ expected_status: "Deleted" }), ...asker });
}

/** Exchanges the node's version; on failure the old one is back, or the error says why not. */
export function upgradeNode(
  actor: NodeActor,
  target: (state: NodeSnapshot["state"]) => NodeContent,
  how: { readonly force: boolean; readonly smokeCheck: boolean; readonly watchMs: number },
  asker: Asker,
): Promise<NodeSnapshot> {
  return actor.operate({
    kind: "upgrade",
    change: (state) => {
      if (state.expected_status === "Failed") {
        throw new HostError("failed", "can't upgrade node in Failed state", { hint: "start or stop the node first" });
      }
      const content = target(state);
      if (content.image.store_key !== state.image.store_key) {
        throw new HostError(
          "invalid",
          `cannot upgrade node to version that uses different data set (current=\`${state.image.store_key}\`, desired=\`${content.image.store_key}\`)`,
        );
      }
      return {
        upgrade: {
          stage: "prepare",
          target: content,
          was_running: false,
          data_stamp: null,
          force: how.force,
          need_rollback: null,
          smoke_check: how.smokeCheck,
          checked: false,
          watch: how.watchMs > 0 ? { ms: how.watchMs, since: 0 } : null,
        },
      };
    },
    ...asker,
  });
}

/** Waits until an upgrade to this image, which somebody else may have asked for, is over. Error `upgrade_rolled_back`: the node has gone back. */
export async function awaitUpgrade(
  actor: NodeActor,
  imageId: string,
  onNews: (news: OperationNews) => void,
): Promise<void> {
  if (actor.snapshot().operation === undefined) return;
  // What is left of it comes first in the node's mailbox; what ends it ends this, too.
  const { state } = await actor.operate({ kind: "recover", change: () => ({}), onNews });
  const { image, problem } = state;
  if (image.id !== imageId && problem !== null) throw errorOf(problem);
}

/**
 * Back to what the last upgrade replaced, at once: its root file system was kept. The version that is left is kept in its place, so that
 * another rollback brings it again. The data stay as they are.
 */
export function rollbackNode(actor: NodeActor, asker: Asker): Promise<NodeSnapshot> {
  return actor.operate({
    kind: "rollback",
    change: (state) => {
      if (state.state_backup === null) {
        throw new HostError("invalid", `node \`${state.name}\` has no earlier version to go back to`, {
          hint: "only what the last upgrade replaced is kept; `bv node upgrade --version` brings any published one",
        });
      }
      // An upgrade that failed left the node down; it ran before.
      const goesUp = state.expected_status !== "Stopped";
      return {
        expected_status: goesUp ? "Running" : "Stopped",
        restarting: false,
        force: false,
        upgrade: {
          stage: "back_stop",
          target: contentOf(state),
          was_running: goesUp,
          data_stamp: null,
          force: false,
          need_rollback: null,
          smoke_check: false,
          checked: false,
          watch: null,
        },
      };
    },
    ...asker,
  });
}

/** Puts the data into `directory` (undefined: the node's own). Errors of `checkPlace`; on any other the data are where they were. */
export async function moveNodeData(
  actor: NodeActor,
  directory: string | undefined,
  asker: Asker,
): Promise<NodeSnapshot> {
  const target = directory ?? null;
  if (actor.snapshot().state.data_directory === target) return actor.snapshot();
  await refuseHeld(actor);
  if (directory !== undefined) await checkPlace(directory, actor.parts.paths);
  return actor.operate({
    kind: "move",
    change: () => {
      refuseHeldNow(actor);
      return { move: { data_directory: target, given_up: false } };
    },
    ...asker,
  });
}
