import { lstat } from "node:fs/promises";
import { OperationError } from "@blockvisor/image/container";

/**
 * The file with the machine's registry credentials (as `skopeo login --authfile` and `docker login` write it); undefined where there is none, and
 * images are fetched anonymously. Error `registry-login-exposed`: others than root can read it.
 */
export async function registryLogin(path: string): Promise<string | undefined> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (found === undefined) return undefined;
  if (found.isFile() && (found.mode & 0o077) === 0) return path;
  throw new OperationError("registry-login-exposed", `${path} has passwords in it and others can read it`, {
    fix: `chmod 600 ${path}`,
  });
}
