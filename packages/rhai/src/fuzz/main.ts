import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { corpus } from "./corpus.ts";
import { programOf } from "./programs.ts";
import type { WorkerMessage } from "./worker.ts";

/** Longer than this with one program is a hang. */
const MOST_SECONDS = 30;
const MOST_REPORTS = 10;

/**
 * `./dev fuzz rhai [--seconds N] [--seed N]`: programs from a grammar, broken ones and absurdly deep ones, until the
 * time is over. Everything that breaks a property is printed with its seed; `--seed N --seconds 0` looks at one again.
 */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seconds: { type: "string", default: "60" },
      seed: { type: "string", default: String(Date.now() % 2 ** 31) },
    },
  });
  const until = Date.now() + Math.max(1, Number(values.seconds) * 1000);
  let seed = Number(values.seed);
  if (!Number.isSafeInteger(seed) || Number.isNaN(until)) throw new Error("--seconds and --seed take numbers");
  console.log(`seed ${seed}, ${values.seconds} seconds`);
  const start = seed;
  let reports = 0;
  while (seed === start || (Date.now() < until && reports < MOST_REPORTS)) {
    const result = await watch(seed, until, (broken, what) => report(++reports, broken, what));
    if (result.failure === null) {
      seed = result.seed;
      break;
    }
    report(++reports, result.seed, result.failure);
    seed = result.seed + 1;
  }
  console.log(`${seed - start + 1} programs, ${reports} broken properties`);
  return reports > 0 ? 1 : 0;
}

function report(count: number, seed: number, what: string): void {
  if (count > MOST_REPORTS) return;
  const text = programOf(seed, corpus());
  console.log(
    `\nseed ${seed}: ${what}\n${text.length > 2000 ? `${text.slice(0, 2000)}… (${text.length} characters)` : text}`,
  );
}

/** Runs one worker until the time is over, it dies, or it stays with one program for too long. */
function watch(
  first: number,
  until: number,
  onBroken: (seed: number, what: string) => void,
): Promise<{ readonly seed: number; readonly failure: string | null }> {
  return new Promise((resolve) => {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), {
      workerData: { seed: first, until },
      resourceLimits: { maxOldGenerationSizeMb: 1024 },
    });
    let seed = first;
    let alarm: NodeJS.Timeout;
    const end = (failure: string | null): void => {
      clearTimeout(alarm);
      void worker.terminate().then(() => resolve({ seed, failure }));
    };
    const rearm = (): void => {
      clearTimeout(alarm);
      alarm = setTimeout(() => end(`no end after ${MOST_SECONDS} seconds`), MOST_SECONDS * 1000);
    };
    rearm();
    worker.on("message", (message: WorkerMessage) => {
      seed = message.seed;
      if (message.kind === "broken") onBroken(seed, message.what);
      rearm();
    });
    worker.on("error", (error) => end(`the process died: ${String(error)}`));
    worker.on("exit", () => end(null));
  });
}

process.exitCode = await main();
