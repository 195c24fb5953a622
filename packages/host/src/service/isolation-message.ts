import { type NodeIsolation, NodeIsolationSchema } from "@blockvisor/wire/blockvisor/host/v1/host";
import { create } from "@bufbuild/protobuf";
import type { NodeActor } from "../node/node-actor.ts";
import { againstOwnIds } from "../node/own-ids.ts";
import { isolationOf } from "../runtime/index.ts";

/** How a running node is held apart from the machine, as the kernel says of its first process; `undefined`: it does not run. */
export async function isolationMessage({
  id,
  parts,
}: Pick<NodeActor, "id" | "parts">): Promise<NodeIsolation | undefined> {
  const { runtime } = parts.host;
  const container = await runtime.state(id);
  const found = container.kind === "running" ? isolationOf(container.init.pid) : undefined;
  if (found === undefined) return undefined;
  const state = parts.state();
  const reason = found.userIdBase === undefined ? await againstOwnIds(parts, state) : undefined;
  return create(NodeIsolationSchema, {
    ...found,
    capabilities: [...found.capabilities],
    runtime: await runtime.kindOf(id),
    privileged: state.image.privileged,
    // A node that was started before it could have its own has them with its next start.
    machineIdsBecause: found.userIdBase === undefined ? (reason ?? "it has not been started again since") : "",
  });
}
