import { dirname } from "node:path";
import { accountNamed } from "../../process/accounts.ts";
import type { ArchiveTask } from "../task.ts";
import type { DownloadOptions } from "./download.ts";

/** What a service runs as owns its data. @param user of the image; root without one, and if there is no such user (D4-24) */
export async function ownerNamed(task: ArchiveTask, user: string | undefined): Promise<Pick<DownloadOptions, "owner">> {
  if (user === undefined) return {};
  const mount = dirname(task.protocolData.folder);
  const root = mount.slice(0, mount.length - task.conf.node_env.data_mount_point.length) || "/";
  const account = await accountNamed(root, user);
  if (account === undefined) task.log(`there is no user '${user}' who could own the data; root does`);
  return account === undefined ? {} : { owner: { uid: account.uid, gid: account.gid } };
}
