import { unlinkSync, watch } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { readBoundedSync } from "../files/durable.ts";
import type { Paths } from "../paths.ts";
import type { Setup } from "./conf.ts";
import { hasPostSetup } from "./post-setup.ts";

const LIMIT = 1024 * 1024;

/** Where nothing tells of changes. */
const LOOK_AGAIN_MS = 25;

/**
 * The first Setup of a container run need not be a call: where the host puts it into the folder of the sockets before anybody can call, it is done
 * first, and the file goes to say so. With a hook of the image, which may take minutes, the host calls.
 *
 * @param patienceMs so long the host is waited for, which has said that it prepares one: its own part takes about as long as babel's start
 */
export async function firstSetup(paths: Paths, patienceMs: number): Promise<Setup | undefined> {
  if (hasPostSetup(paths)) return undefined;
  const found = setupIn(paths);
  if (found !== undefined || patienceMs === 0) return found;
  const deadline = performance.now() + patienceMs;
  let changed = Promise.withResolvers<void>();
  const watcher = watch(dirname(paths.firstSetup), () => changed.resolve());
  watcher.on("error", () => undefined);
  try {
    for (;;) {
      const setup = setupIn(paths);
      if (setup !== undefined || performance.now() > deadline) return setup;
      await Promise.race([changed.promise, pause(LOOK_AGAIN_MS)]);
      changed = Promise.withResolvers();
    }
  } finally {
    watcher.close();
  }
}

function setupIn(paths: Paths): Setup | undefined {
  try {
    const text = readBoundedSync(paths.firstSetup, LIMIT);
    if (text === undefined) return undefined;
    const setup = JSON.parse(text.toString("utf8")) as Partial<Setup>;
    const isWhole = typeof setup.secret === "string" && setup.secret.length >= 16 && setup.node_env && setup.ramdisks;
    return isWhole ? (setup as Setup) : undefined;
  } catch {
    return undefined;
  }
}

export const firstSetupDone = (paths: Paths): void => unlinkSync(paths.firstSetup);
