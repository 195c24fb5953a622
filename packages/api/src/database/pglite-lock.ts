import { createHash } from "node:crypto";
import { realpath } from "node:fs/promises";
import net from "node:net";

/**
 * Keeps two processes from opening one PGlite directory, which would corrupt it.
 * An abstract unix socket named after the directory: taken atomically, and the kernel frees it however the holder dies.
 * @throws when another process holds the directory
 */
export async function lockDirectory(directory: string): Promise<{ release(): Promise<void> }> {
  const name = createHash("sha256")
    .update(await realpath(directory))
    .digest("hex")
    .slice(0, 32);
  const holder = net.createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    holder.once("error", (error: NodeJS.ErrnoException) =>
      reject(
        error.code === "EADDRINUSE"
          ? new Error(`The database directory ${directory} is in use by another blockvisor-api; stop that one first.`)
          : error,
      ),
    );
    holder.listen(`\0blockvisor-api/${name}`, resolve);
  });
  holder.unref();
  return { release: () => new Promise((resolve) => holder.close(() => resolve())) };
}
