import { parentPort, workerData } from "node:worker_threads";
import { BlockingBridge } from "./blocking-bridge.ts";
import { syntaxFailure } from "./failure.ts";
import { GATE_CANCEL, MOST_SCRIPTS, type WorkerMessage, type WorkerStart, type WorkMessage } from "./protocol.ts";
import { Recent } from "./recent.ts";
import { Script, SyntaxErrors } from "./script.ts";
import { doWork, failureOf, functionOf } from "./script-work.ts";

/* The entry of a plugin thread: it gets work, runs scripts and never touches a disk or a socket. */

const port = parentPort;
if (!port) throw new Error("plugin-worker.ts is the entry of a worker thread");
const { gate, replies } = workerData as WorkerStart;
const cells = new Int32Array(gate);
const post = (message: WorkerMessage): void => port.postMessage(message);
const bridge = new BlockingBridge(cells, replies, post);
const scripts = new Recent<string, Script>(MOST_SCRIPTS);

port.on("message", (message: WorkMessage) => {
  try {
    bridge.begin(message.deadline);
    const script = scripts.use(message.digest, () => new Script(message.files ?? {}, bridge));
    const output = doWork(script, message.work, {
      deadline: message.deadline,
      cancel: cells.subarray(GATE_CANCEL),
      begin: (deadline) => bridge.begin(deadline),
    });
    post({ kind: "done", output });
  } catch (error) {
    post({ kind: "failed", failure: failureIn(error, message) });
  }
});

function failureIn(error: unknown, { work, files }: WorkMessage) {
  if (error instanceof SyntaxErrors) return syntaxFailure(error.errors, files ?? {});
  return failureOf(error, functionOf(work));
}
