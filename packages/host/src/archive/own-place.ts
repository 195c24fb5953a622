import { lstat } from "node:fs/promises";
import { dirname } from "node:path";
import { HostError } from "../errors/host-error.ts";

const [writableByOthers, sticky] = [0o022, 0o1000];

/**
 * Whether what lies at an absolute path is what root put there: data may have been moved to any place, and what somebody else can exchange,
 * a link to /etc for example, nobody works on as root. Error `invalid`.
 */
export async function requireOwnPlace(path: string): Promise<void> {
  for (let at = path; ; at = dirname(at)) {
    const found = await lstat(at).catch(() => undefined);
    if (found === undefined) throw notOurs(at, "is not there");
    if (!found.isDirectory()) throw notOurs(at, "is not a directory");
    if (found.uid !== 0) throw notOurs(at, "does not belong to root");
    if ((found.mode & writableByOthers) !== 0 && (found.mode & sticky) === 0)
      throw notOurs(at, "is writable by others");
    if (at === dirname(at)) return;
  }
}

function notOurs(path: string, why: string): HostError {
  return new HostError("invalid", `${path} ${why}: somebody else could put other data in its place`, {
    hint: "have root own the whole path, or move the data: `bv node move-data`",
  });
}
