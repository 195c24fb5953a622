import { parentPort, workerData } from "node:worker_threads";
import { corpus } from "./corpus.ts";
import { programOf } from "./programs.ts";
import { brokenProperty } from "./properties.ts";

/** What the worker tells: the seed it looks at next, or what is wrong with it. */
export type WorkerMessage =
  | { readonly kind: "next"; readonly seed: number }
  | { readonly kind: "broken"; readonly seed: number; readonly what: string };

const { seed: first, until } = workerData as { readonly seed: number; readonly until: number };
const programs = corpus();
const tell = (message: WorkerMessage): void => parentPort!.postMessage(message);

for (let seed = first; Date.now() < until; seed++) {
  tell({ kind: "next", seed });
  const what = brokenProperty(programOf(seed, programs));
  if (what !== null) tell({ kind: "broken", seed, what });
}
