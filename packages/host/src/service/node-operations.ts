import { HostError, reportOf } from "../errors/host-error.ts";
import type { NodeActor, NodeSnapshot, OperationRequest } from "../node/node-actor.ts";
import type { NodeContent } from "../node/node-state.ts";

/** Where an operation comes from, and who is told about its steps. */
export type Asker = Pick<OperationRequest, "onNews" | "commandId">;

/** Brings a node up; a node that runs already is left as it is. */
export async function startNode(actor: NodeActor, asker: Asker): Promise<NodeSnapshot> {
  const { dev_mode: devMode, initialized } = actor.snapshot().state;
  const isDown = actor.snapshot().status === "Stopped";
  // Engineers edit scripts in place: what is on disk counts (spec plugin-api §1.8).
  if (devMode && isDown) await actor.reloadPlugin();
  const snapshot = await actor.operate({
    kind: "start",
    change: () => ({ expected_status: "Running", restarting: false, force: false }),
    ...asker,
  });
  if (devMode && isDown && initialized) {
    await actor.parts.plugin.reevaluate({}).catch((error: unknown) => {
      actor.parts.log.warn(`plugin_config was not evaluated again: ${reportOf(error).message}`);
    });
  }
  return snapshot;
}

export function stopNode(actor: NodeActor, force: boolean, asker: Asker): Promise<NodeSnapshot> {
  return actor.operate({
    kind: "stop",
    change: () => ({ expected_status: "Stopped", restarting: false, force }),
    ...asker,
  });
}

export function restartNode(actor: NodeActor, force: boolean, asker: Asker): Promise<NodeSnapshot> {
  return actor.operate({
    kind: "restart",
    change: () => ({ expected_status: "Running", restarting: true, force }),
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
  force: boolean,
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
          force,
          need_rollback: null,
        },
      };
    },
    ...asker,
  });
}
