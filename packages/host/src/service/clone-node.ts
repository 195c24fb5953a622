import { randomUUID } from "node:crypto";
import type { CloneNodeRequest } from "@blockvisor/wire/blockvisor/host/v1/host";
import { HostError } from "../errors/host-error.ts";
import { hexOf } from "../node/node-image.ts";
import { contentOf, type NodeState, nodeStateSchema } from "../node/node-state.ts";
import type { NewNode } from "./dev-node.ts";

/**
 * The state of a new dev node that runs the same image with the same parameters on a copy of `source`'s data. Its root file system is fresh:
 * what the source changed in its own stays there.
 */
export function clonedState(source: NodeState, request: CloneNodeRequest, { ip, extraIps, name }: NewNode): NodeState {
  const content = contentOf(source);
  const { digest } = content.image;
  if (digest === "") {
    throw new HostError("failed", `node \`${source.name}\` is not complete`, { hint: "wait until it is created" });
  }
  return nodeStateSchema.parse({
    ...content,
    id: request.id || randomUUID(),
    name: request.name || name,
    dev_mode: true,
    ip,
    extra_ips: extraIps,
    gateway: source.gateway,
    image: { ...content.image, rootfs: hexOf(digest) },
    vm_config: { ...content.vm_config, vcpu_count: 0 },
    dns_name: source.dev_mode ? content.dns_name : "",
    apptainer_config: source.apptainer_config,
    expected_status: request.start ? "Running" : "Stopped",
    provisional: request.start,
    initialized: false,
    restarting: false,
    clone_of: { node: source.id, stop: request.stop },
  });
}
