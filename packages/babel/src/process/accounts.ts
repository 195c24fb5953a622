import { join } from "node:path";
import { readBounded } from "../files/durable.ts";

export type Account = { readonly name: string; readonly uid: number; readonly gid: number; readonly home: string };

const PASSWD_LIMIT = 1024 * 1024;

/** A user of the image's own /etc/passwd, or undefined. */
export async function accountNamed(root: string, name: string): Promise<Account | undefined> {
  const passwd = await readBounded(join(root, "etc/passwd"), PASSWD_LIMIT, "follow");
  for (const line of passwd?.toString("utf8").split("\n") ?? []) {
    const [user, , uid, gid, , home] = line.split(":");
    if (user === name && uid !== undefined && gid !== undefined && /^\d+$/.test(uid) && /^\d+$/.test(gid)) {
      return { name, uid: Number(uid), gid: Number(gid), home: home || "/" };
    }
  }
  return undefined;
}
