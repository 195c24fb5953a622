import { readFileSync } from "node:fs";
import type { Call } from "../../../command/verb.ts";
import { DaemonClient } from "../../../daemon/client.ts";
import { Failure, reason } from "../../../failure/failure.ts";
import { whichNode } from "../which-node.ts";
import type { RunOptions } from "./verb.ts";

/** `bv node run` (host-daemon §2.2). */
export async function runFunction(call: Call<RunOptions, [method: string, node?: string]>): Promise<void> {
  const { out, args, options, signal } = call;
  const daemon = new DaemonClient(out);
  const param = options.param ?? (options.paramFile === undefined ? "" : readParameter(options.paramFile));
  const node = await whichNode(daemon, args[1]);
  const request = { node, function: args[0], param };
  const { value = "" } = await daemon.call("RunFunction", request, { signal, timeoutMs: options.timeout * 1000 });
  out.line(out.foreign(value));
  out.document({ value });
}

function readParameter(path: string): string {
  try {
    return readFileSync(path === "-" ? 0 : path, "utf8");
  } catch (error) {
    throw new Failure("file-unreadable", `cannot read ${path}`, { causes: [reason(error)] });
  }
}
