import { parentPort, workerData } from "node:worker_threads";
import { errnoOf, messageOf } from "../../errno.ts";
import { type Preparation, type Prepared, prepareChunk } from "./prepare.ts";
import { SourceChanged } from "./source-reader.ts";

export type Answer =
  | { readonly kind: "prepared"; readonly prepared: Prepared }
  | { readonly kind: "changed"; readonly path: string }
  | { readonly kind: "failed"; readonly message: string; readonly errno: string | undefined };

/** Program of a preparing thread: one chunk after the other. */
function servePreparations(port: NonNullable<typeof parentPort>): void {
  port.on("message", (task: Preparation) => port.postMessage(answerTo(task)));
}

function answerTo(task: Preparation): Answer {
  try {
    return { kind: "prepared", prepared: prepareChunk(task) };
  } catch (error) {
    if (error instanceof SourceChanged) return { kind: "changed", path: error.path };
    return { kind: "failed", message: messageOf(error), errno: errnoOf(error) };
  }
}

if (parentPort !== null && workerData?.kind === "prepare") servePreparations(parentPort);
