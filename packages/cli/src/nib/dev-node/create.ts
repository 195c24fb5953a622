import type { EffectiveVariant } from "@blockvisor/image";
import { DaemonClient } from "../../daemon/client.ts";
import type { NodeView } from "../../daemon/node-view.ts";
import { followOperation } from "../../daemon/operation.ts";
import { parsePortMapping } from "../../daemon/port-mapping.ts";
import { Failure } from "../../failure/failure.ts";
import type { Output } from "../../output/output.ts";
import { suiteVersion } from "../../version.ts";
import { givenSecrets } from "../metadata/given-secrets.ts";
import { warnAboutOpenRules } from "../metadata/open-rules.ts";
import { address, devNodeImage, secretProperties } from "./request.ts";

export interface DevNodeOptions {
  readonly path: string;
  readonly ip?: readonly string[];
  readonly publish?: readonly string[];
  readonly gateway?: string;
  readonly tag?: readonly string[];
  readonly secret?: readonly string[];
}

/** Creates a dev node of a variant, stopped unless `start` says so, on this machine's daemon, which also chooses its address, atomically (§5.3). */
export async function createDevNode(
  out: Output,
  variant: EffectiveVariant,
  properties: Readonly<Record<string, string>>,
  options: DevNodeOptions,
  follow: {
    readonly signal: AbortSignal;
    readonly onNode?: (id: string) => void;
    readonly start?: boolean;
    readonly keep?: boolean;
  },
): Promise<NodeView> {
  const [ip = "", ...extraIps] = (options.ip ?? []).map((text) => address("--ip", text));
  warnAboutOpenRules(out, variant, options.path);
  const request = {
    ...devNodeImage(variant, options.path),
    imageKey: { protocolKey: variant.protocolKey, variantKey: variant.variantKey },
    ip,
    extraIps,
    ...(options.publish ? { ports: { mappings: options.publish.map(parsePortMapping) } } : {}),
    gateway: address("--gateway", options.gateway),
    properties: { ...properties },
    secretProperties: secretProperties(variant),
    secrets: { ...givenSecrets(options.secret) },
    tags: [...(options.tag ?? [])],
    minBabelVersion: suiteVersion,
    start: follow.start ?? false,
    keep: follow.keep ?? false,
  };
  const daemon = new DaemonClient(out);
  const end = await followOperation(daemon, out, "CreateDevNode", request, { title: "Creating dev node", ...follow });
  if (end.kind === "done") return end.node;
  throw new Failure("daemon-refused", "blockvisord did not create the dev node itself", { hint: end.message });
}
