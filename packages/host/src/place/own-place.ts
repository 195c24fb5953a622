import { lstat, readlink } from "node:fs/promises";
import { join } from "node:path";
import { HostError } from "../errors/host-error.ts";

const [writableByOthers, sticky] = [0o022, 0o1000];
/** As many as the kernel follows. */
const maxLinks = 40;

/**
 * Whether the folder at an absolute path is what root put there: whoever may use the daemon may name any place, and what somebody else can
 * exchange, with a link to /root for example, nobody works on as root. Links count when they are root's. Without links, where it is.
 * Error `invalid`.
 */
export async function requireOwnPlace(path: string): Promise<string> {
  const names = namesIn(path);
  let at = "/";
  let isOpen = await requireOwnFolder(at);
  for (let links = 0; names.length > 0; ) {
    const next = join(at, names.shift() ?? "");
    // Its links lead elsewhere than they say: into containers.
    if (next === "/proc") throw notOurs(path, "is in /proc");
    const target = await readlink(next).catch(() => undefined);
    if (target === undefined) {
      isOpen = await requireOwnFolder(next);
      at = next;
      continue;
    }
    links += 1;
    // Even in a sticky folder a link may be somebody else's: one link has many names.
    if (isOpen || links > maxLinks) throw notOurs(next, "is a link");
    if ((await lstat(next)).uid !== 0) throw notOurs(next, "does not belong to root");
    names.unshift(...namesIn(target));
    if (target.startsWith("/")) at = "/";
  }
  return at;
}

/** Whether others may make something in the folder. */
async function requireOwnFolder(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) throw notOurs(path, "is not there");
  if (!found.isDirectory()) throw notOurs(path, "is not a directory");
  if (found.uid !== 0) throw notOurs(path, "does not belong to root");
  const isOpen = (found.mode & writableByOthers) !== 0;
  if (isOpen && (found.mode & sticky) === 0) throw notOurs(path, "is writable by others");
  return isOpen;
}

function namesIn(path: string): string[] {
  return path.split("/").filter((name) => name !== "");
}

export function notOurs(path: string, why: string): HostError {
  return new HostError("invalid", `${path} ${why}: somebody else could put other data in its place`, {
    hint: "have root own the whole path, and nobody else write there: chown root, chmod go-w",
  });
}
