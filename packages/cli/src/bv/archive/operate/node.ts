import type { ArchiveVerbJson } from "@blockvisor/wire/blockvisor/host/v1/host";
import type { Call } from "../../../command/verb.ts";
import { isAway, whileAway } from "../../../daemon/away.ts";
import { DaemonClient } from "../../../daemon/client.ts";
import { whichNode } from "../../node/which-node.ts";
import type { OperateOptions, OperateVerb } from "../verbs.ts";
import type { ToolEnd } from "./tool.ts";
import { parseToolEvent, type ToolEvent } from "./tool-event.ts";

const verbs: Readonly<Record<OperateVerb, ArchiveVerbJson>> = {
  verify: "ARCHIVE_VERB_VERIFY",
  repair: "ARCHIVE_VERB_REPAIR",
  fetch: "ARCHIVE_VERB_FETCH",
  push: "ARCHIVE_VERB_PUSH",
};

/** `--node NODE`: by the daemon, whose the data of nodes are. One that is replaced meanwhile is waited for: the next one goes on. */
export async function operateOnNode(
  { out, args: [storeKey], options, signal }: Call<OperateOptions, [storeKey: string]>,
  verb: OperateVerb,
  level: number | undefined,
  heard: (event: ToolEvent) => void,
): Promise<ToolEnd> {
  const daemon = new DaemonClient(out);
  const { id = "" } = await daemon.call("GetNode", { node: await whichNode(daemon, options.node) }, { signal });
  const { dataVersion, connections, bandwidth, exclude = [], cas = false, dryRun = false } = options;
  const request = {
    ...{ node: id, verb: verbs[verb], storeKey, exclude: [...exclude], contentAddressed: cas, dryRun },
    ...(dataVersion ? { dataVersion: String(dataVersion) } : {}),
    ...(connections ? { maxConnections: connections } : {}),
    ...(bandwidth ? { maxBytesPerSecond: String(bandwidth) } : {}),
    ...(verb === "push" && level !== undefined ? { zstdLevel: level } : {}),
  };
  let begun = false;
  const follow = async (): Promise<ToolEnd> => {
    for await (const { line, end } of daemon.stream("OperateArchive", request, { signal })) {
      begun = true;
      const event = line === undefined ? undefined : parseToolEvent(line);
      if (event) heard(event);
      if (end) return { status: end.status ?? null, stderr: end.stderr ?? "" };
    }
    return { status: null, stderr: "" };
  };
  for (;;) {
    begun = false;
    try {
      return await whileAway(follow, signal);
    } catch (error) {
      // What has worked for hours gets the patience for a daemon that is away anew.
      if (!begun || signal.aborted || !isAway(error)) throw error;
    }
  }
}
