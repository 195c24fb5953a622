import { dirname, join, relative } from "node:path";
import type { ArchiveTask } from "../task.ts";

/** Where the node's protocol data is, below whatever babel's root is. */
export function dataFolder(task: Pick<ArchiveTask, "conf" | "protocolData">): string {
  const { data_mount_point, protocol_data_path } = task.conf.node_env;
  return join(dirname(task.protocolData.folder), relative(data_mount_point, protocol_data_path));
}
