import { lstat, readdir } from "node:fs/promises";
import { cutPoint } from "../durable/index.ts";
import { HostError } from "../errors/host-error.ts";
import { dataBelow, homeOf, makeClosed, removeBelow, requireData, requirePlace } from "./data-place.ts";
import { copyTree, isDirectory, leadsTo, removeTree, showAs } from "./node-data.ts";
import type { ExecutorTable } from "./outcome.ts";

/** Steps that bring a node's data from one place to another. */
export const dataSteps = {
  copy_data: async (node, { source, stop }, { state, signal }) => {
    const data = homeOf(node.paths, state);
    const copy = `${data}.copy`;
    // Something there and no copy any more: an earlier pass was cut after its last change.
    const isDone = !(await isDirectory(copy)) && (await readdir(data)).length > 0;
    if (!isDone) {
      await node.borrowData(source, stop, async (from) => {
        await copyTree(from, copy, signal);
        await cutPoint("copied.copy_data", node.paths.id);
      });
      await showAs(data, copy, "itself");
    }
    return { state: { clone_of: null } };
  },

  move_data: async ({ paths }, _, { state, signal }) => {
    const { move, data_directory: before } = state;
    if (move === null) throw new HostError("internal", "no data are to be moved");
    const target = move.data_directory;
    const home = homeOf(paths, state);
    const place = target === null ? `${home}.copy` : dataBelow(target, state.id);
    const looksShown = async (): Promise<boolean> =>
      target === null ? (await isDirectory(home)) && before !== null : leadsTo(home, place);
    if (target !== null && !(await looksShown())) await requirePlace(target, paths, home);
    const isShown = await looksShown();
    // Once the old directory has stepped aside there is no way back but forward.
    const isBegun = (await isDirectory(place)) && !(await isThere(home));
    if (move.given_up && !isShown && !isBegun) {
      await removeTree(place);
      await removeTree(`${place}.partial`);
      return { state: { move: null } };
    }
    if (!isShown) {
      if (!isBegun) {
        const from = await requireData(paths, state);
        if (target !== null) await makeClosed(target);
        await copyTree(from, place, signal);
      }
      await cutPoint("copied.move_data", state.id);
      await showAs(home, place, target === null ? "itself" : "link");
    }
    if (before !== null) await removeBelow(before, state.id, removeTree);
    await removeTree(`${home}.old`);
    return { state: { move: null, data_directory: target } };
  },
} satisfies Partial<ExecutorTable>;

/** Whether anything bears that name: a directory, or a link wherever it leads. */
async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
