import { mkdir, readdir, readFile, readlink, rename } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "pino";
import { z } from "zod";
import { syncDirectory } from "../durable/index.ts";
import { type HostPaths, nodePaths } from "../place/paths.ts";
import { removeBelow, removeData } from "./data-place.ts";
import { removeTreeIdly } from "./node-data.ts";

/** What cannot be removed is tried again after this, with the next deletion, and when the daemon starts. */
const retryMs = 3_600_000;

/**
 * Where the directories of deleted nodes go, in one step. Removing them is slow with a lot of data: nothing waits for it, what a death of
 * the daemon leaves is taken by the next one, and a disk that does not let go of them is a condition of the host, no failure of anything.
 */
export class Trash {
  readonly #paths: HostPaths;
  readonly #log: Logger;
  #emptying: Promise<void> = Promise.resolve();
  #problem: string | undefined;
  #retry: NodeJS.Timeout | undefined;

  constructor(paths: HostPaths, log: Logger) {
    this.#paths = paths;
    this.#log = log;
  }

  /** Why something cannot be removed. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Takes a node's directory, which nothing uses any more. */
  async take(nodeId: string): Promise<void> {
    await mkdir(this.#paths.trash, { recursive: true, mode: 0o700 });
    await rename(nodePaths(this.#paths, nodeId).directory, join(this.#paths.trash, `${nodeId}-${Date.now()}`));
    await syncDirectory(this.#paths.nodes);
    this.empty();
  }

  /** Returns at once. */
  empty(): void {
    clearTimeout(this.#retry);
    this.#emptying = this.#emptying.then(async () => {
      const problem = await purge(this.#paths);
      if (problem !== undefined && problem !== this.#problem) this.#log.error(problem);
      this.#problem = problem;
      clearTimeout(this.#retry);
      if (problem !== undefined) this.#retry = setTimeout(() => this.empty(), retryMs).unref();
    });
  }
}

/** Removes what can be removed; never rejects. What is in the way of the rest. */
async function purge({ trash }: HostPaths): Promise<string | undefined> {
  let problem: string | undefined;
  for (const name of await readdir(trash).catch(() => [])) {
    const directory = join(trash, name);
    try {
      await removeElsewhere(directory);
      // A subvolume is a file system of its own to `rm`.
      await removeTreeIdly(join(directory, "space"));
      await removeTreeIdly(directory);
    } catch (error) {
      problem = `what is left of a deleted node cannot be removed: ${(error as Error).message}`;
    }
  }
  return problem;
}

const place = z.string().nullish();
const placesSchema = z.object({
  id: z.uuid(),
  data_directory: place,
  move: z.object({ data_directory: place }).nullish(),
});

/** Data of a deleted node that lie in a directory a person chose, also where they were on their way to. */
async function removeElsewhere(trash: string): Promise<void> {
  const text = await readFile(join(trash, "state.json"), "utf8").catch(() => "{}");
  const state = placesSchema.safeParse(parsed(text)).data;
  if (state === undefined) {
    // The state is not readable, but the link is ours: its last part is the node's id.
    const links = await Promise.all(["data", "space/data"].map((name) => readlink(join(trash, name)).catch(() => "")));
    for (const link of links) if (trash.includes(`/${link.split("/").at(-1)}-`)) await removeData(link, removeTreeIdly);
    return;
  }
  for (const directory of [state.data_directory, state.move?.data_directory])
    if (typeof directory === "string") await removeBelow(directory, state.id, removeTreeIdly);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
