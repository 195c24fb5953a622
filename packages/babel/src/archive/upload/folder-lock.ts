import { stat } from "node:fs/promises";
import { createServer } from "node:net";
import { TransferFault } from "../transfer/fault.ts";

export type FolderLock = { release(): Promise<void> };

/**
 * Makes this process the only one that uploads with the state in a folder. An abstract unix socket named after the folder: taken atomically,
 * and the kernel frees it however the holder ends.
 *
 * @throws TransferFault `permanent` if somebody else has it
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const { dev, ino } = await stat(folder);
  const holder = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    holder.once("error", (error: NodeJS.ErrnoException) =>
      reject(
        error.code === "EADDRINUSE"
          ? new TransferFault("permanent", `another upload with the state in ${folder} is running`)
          : error,
      ),
    );
    holder.listen(`\0babel-upload/${dev}/${ino}`, resolve);
  });
  holder.unref();
  return { release: () => new Promise((resolve) => holder.close(() => resolve())) };
}
