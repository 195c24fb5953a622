import { stat } from "node:fs/promises";
import { join } from "node:path";
import { diskUse } from "../metrics/disk-use.ts";
import { dataOf } from "../node/data-place.ts";
import type { NodeActor } from "../node/node-actor.ts";

/** What takes longer to count is large enough. */
const countMs = 5_000;
const gb = 1_000_000_000;

/** What a node has on one file system. */
export interface Holding {
  readonly actor: NodeActor;
  /** Some folder of the file system. */
  readonly disk: string;
  readonly trees: readonly string[];
  readonly files: readonly string[];
}

/** Bytes; here: on this disk; used: with what it has on others. */
export interface Claim {
  readonly actor: NodeActor;
  readonly at: number;
  readonly here: number;
  readonly used: number;
  readonly complete: boolean;
  readonly allowed: number;
}

/** Folders of file systems that a node has something on, besides the one that all lie on. */
export function otherDisks(actor: NodeActor): readonly string[] {
  const { data_directory: directory } = actor.snapshot().state;
  return directory === null ? [] : [directory];
}

/** A node's data may lie on another disk than its root and its logs. */
export function holdingsOf(actor: NodeActor): readonly Holding[] {
  const { state } = actor.snapshot();
  const { paths, host } = actor.parts;
  const version = join(paths.directory, "roots", state.image.rootfs);
  const root = [join(version, "upper"), join(version, "rootfs")];
  const data = dataOf(paths, state);
  const own = { actor, disk: host.paths.nodes, files: [paths.containerLog, paths.agentLog] };
  return state.data_directory === null
    ? [{ ...own, trees: [data, ...root] }]
    : [
        { ...own, trees: root },
        { actor, disk: state.data_directory, trees: [data], files: [] },
      ];
}

export async function claimOf({ actor, disk }: Holding): Promise<Claim> {
  const at = performance.now();
  const deadline = Date.now() + countMs;
  let here = 0;
  let used = 0;
  let complete = true;
  const count = async ({ trees, files, disk: place }: Holding): Promise<void> => {
    const counts = await Promise.all(trees.map((folder) => diskUse(folder, deadline)));
    const sizes = [...counts.map(({ bytes }) => bytes), ...(await Promise.all(files.map(bytesOf)))];
    const bytes = sizes.reduce((sum, each) => sum + each, 0);
    used += bytes;
    if (place === disk) here += bytes;
    complete &&= counts.every((each) => each.complete);
  };
  await Promise.all(holdingsOf(actor).map(count));
  return { actor, at, here, used, complete, allowed: actor.snapshot().state.vm_config.disk_size_gb * gb };
}

async function bytesOf(file: string): Promise<number> {
  return stat(file).then(
    ({ blocks }) => blocks * 512,
    () => 0,
  );
}
