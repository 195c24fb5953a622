import { readFileSync } from "node:fs";
import type { Call } from "../../../command/verb.ts";
import { DaemonClient } from "../../../daemon/client.ts";
import { Failure, reason } from "../../../failure/failure.ts";
import { whichNode } from "../which-node.ts";
import { awaitUpload } from "./await-upload.ts";
import type { RunOptions } from "./verb.ts";

/** `bv node run` (host-daemon §2.2). */
export async function runFunction(call: Call<RunOptions, [method: string, node?: string]>): Promise<void> {
  const { out, args, options, signal } = call;
  if (options.wait && args[0] !== "upload") {
    throw new Failure(
      "usage",
      "--wait is for what goes on after the function has returned: `bv node run upload --wait`",
      {
        hint: "other functions are done when they return",
      },
    );
  }
  const daemon = new DaemonClient(out);
  const param = options.param ?? (options.paramFile === undefined ? "" : readParameter(options.paramFile));
  const node = await whichNode(daemon, args[1]);
  const request = { node, function: args[0], param };
  const timeoutMs = options.timeout * 1000;
  const { value = "" } = await daemon.call("RunFunction", request, { signal, timeoutMs }).catch(unknownMethod);
  const shown = out.foreign(value);
  out.raw(shown.endsWith("\n") ? shown : `${shown}\n`);
  const jobs = options.wait ? { jobs: await awaitUpload(out, daemon, node, signal) } : {};
  out.document({ value, ...jobs });
}

/** The functions that there are come as the daemon's candidates. */
function unknownMethod(error: unknown): never {
  if (!(error instanceof Failure) || !/method not found/i.test(error.message)) throw error;
  const { candidates } = error.details;
  throw new Failure("node-not-found", `Method not found. Options are: ${candidates?.join(", ") ?? "none"}`, {
    hint: "`bv node caps` lists them too",
    candidates,
  });
}

function readParameter(path: string): string {
  try {
    return readFileSync(path === "-" ? 0 : path, "utf8");
  } catch (error) {
    throw new Failure("file-unreadable", `cannot read ${path}`, { causes: [reason(error)] });
  }
}
