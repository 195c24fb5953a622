import { open } from "node:fs/promises";
import { runTool } from "./run-tool.ts";

export interface FileLockOptions {
  /** Several may hold a shared lock at once; default exclusive. */
  readonly mode?: "exclusive" | "shared";
  /** Ends the wait for the lock, not the work. */
  readonly signal?: AbortSignal;
}

const FOREVER_MS = 24 * 3_600_000;

/**
 * Runs `work` while this process holds a lock on the file (created where missing), against other processes and other
 * callers in this one. The kernel releases it when the process ends, however it ends. `work` gets the descriptor that holds the
 * lock: a child that inherits it holds the lock as well, until it ends.
 */
export async function withFileLock<T>(
  path: string,
  work: (descriptor: number) => Promise<T>,
  options: FileLockOptions = {},
): Promise<T> {
  const file = await open(path, "a", 0o600);
  try {
    await lockFile(file.fd, options);
    return await work(file.fd);
  } finally {
    await file.close();
  }
}

/**
 * Locks an open file, until its last descriptor is closed, this process' or a child's.
 * Node has no flock(2); `flock FD` locks the open file description it shares with us and goes away.
 */
export async function lockFile(descriptor: number, options: FileLockOptions = {}): Promise<void> {
  await runTool("flock", [`--${options.mode ?? "exclusive"}`, "3"], {
    inherit: [descriptor],
    timeoutMs: FOREVER_MS,
    ...(options.signal ? { signal: options.signal } : {}),
  });
}
