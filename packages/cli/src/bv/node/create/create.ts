import { count } from "../../../command/values.ts";
import type { Call } from "../../../command/verb.ts";
import { DaemonClient } from "../../../daemon/client.ts";
import { nodeView } from "../../../daemon/node-view.ts";
import { Failure } from "../../../failure/failure.ts";
import { dumpNode } from "../dump.ts";
import { awaitNode } from "../wait.ts";
import type { CreateOptions } from "./verb.ts";

const createTimeoutMs = 60_000;

/** `bv node create` (host-daemon §2.2). */
export async function createNode(
  call: Call<CreateOptions, [protocol: string, variant: string, version?: string, build?: string]>,
): Promise<void> {
  const { out, args, options, signal } = call;
  const [protocolKey, variantKey, version, build] = args;
  const request = {
    protocolKey,
    variantKey,
    ...(version !== undefined && { version }),
    ...(build !== undefined && { build: String(count(build)) }),
    properties: parseProperties(options.props),
    tags: [...(options.tag ?? [])],
  };
  const daemon = new DaemonClient(out);
  const response = await daemon.call("CreateNode", request, { signal, timeoutMs: createTimeoutMs });
  const node = nodeView(response.node ?? {});
  out.line(`Created new node with ID \`${node.id}\` and name \`${node.name}\``);
  out.line(dumpNode(node));
  const running = options.wait ? await awaitNode(daemon, out, node.id, "Running", options, signal) : undefined;
  if (running) out.line(`Node \`${node.id}\` is running`);
  out.document({ node: running ?? node });
}

/** Checked before anything is called: a wrong property must not leave a node behind. */
export function parseProperties(json: string | undefined): Record<string, string> {
  if (json === undefined) return {};
  const properties: Record<string, string> = {};
  for (const [key, value] of Object.entries(parseObject(json))) {
    if (typeof value === "object") throw wrong(`'${key}' is not a text`);
    properties[key] = String(value);
  }
  return properties;
}

function parseObject(json: string): object {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch (error) {
    throw wrong(error instanceof Error ? error.message : String(error));
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) throw wrong("it is not an object");
  return parsed;
}

function wrong(why: string): Failure {
  return new Failure("usage", `--props is not a JSON object of texts: ${why}`, {
    hint: `write it like --props '{"key":"value"}'`,
  });
}
