import { Worker } from "node:worker_threads";
import { cancelled } from "../transfer/retry.ts";
import type { Preparation, Prepared } from "./prepare.ts";
import type { Answer } from "./prepare-thread.ts";
import { SourceChanged } from "./source-reader.ts";

/** Threads that read, hash and compress chunks, one each at a time. (D5-10) */
export class PreparingThreads {
  readonly #idle: Worker[] = [];
  readonly #all = new Set<Worker>();
  #closed = false;

  /** Starts threads that are going to be needed: it takes them a while to be there. */
  constructor(count: number) {
    for (let i = 0; i < count; i += 1) this.#idle.push(this.#start());
  }

  /** @throws SourceChanged; errors of the file system, with their code; TransferFault `cancelled` */
  async prepare(task: Preparation, signal: AbortSignal): Promise<Prepared> {
    if (signal.aborted) throw cancelled();
    const worker = this.#idle.pop() ?? this.#start();
    const answer = await new Promise<Answer>((resolve, reject) => {
      const ended = (code: number) => reject(new Error(`a preparing thread ended (${code})`));
      const settle = (settled: () => void) => {
        worker.off("error", reject).off("exit", ended).off("message", answered);
        signal.removeEventListener("abort", stop);
        settled();
      };
      // A chunk is not waited for: a stop is to be honoured at once. But the thread is, for memory was lent to it.
      const stop = () => {
        settle(() => void worker.terminate().then(() => reject(cancelled())));
      };
      signal.addEventListener("abort", stop, { once: true });
      const answered = (message: Answer) => settle(() => resolve(message));
      worker.once("error", reject).once("exit", ended).on("message", answered);
      worker.postMessage(task);
    });
    if (this.#closed) void worker.terminate();
    else this.#idle.push(worker);
    if (answer.kind === "prepared") return answer.prepared;
    if (answer.kind === "changed") throw new SourceChanged(answer.path);
    throw Object.assign(new Error(answer.message), answer.errno === undefined ? {} : { code: answer.errno });
  }

  /** Ends the threads that have nothing to do: their memory is wanted for something else. Who prepares another chunk starts one again. */
  dismiss(): void {
    for (const worker of this.#idle.splice(0)) void worker.terminate();
  }

  /** Ends all threads, whatever they do. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#all].map((worker) => worker.terminate()));
  }

  #start(): Worker {
    const worker = new Worker(program(), {
      workerData: { kind: "prepare" },
      // Its bytes are not in the heap, the names of its files are.
      resourceLimits: { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 64 },
    });
    this.#all.add(worker);
    worker.once("exit", () => this.#all.delete(worker));
    return worker;
  }
}

/** The sources run as they are; in the bundle all programs lie in one folder. */
function program(): URL {
  const here = import.meta.url;
  return new URL(here.endsWith(".ts") ? "./prepare-thread.ts" : "./prepare-thread.mjs", here);
}
