import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { HttpClient } from "../http/request.ts";
import type { Shell } from "../shell/run-sh.ts";
import type { ReadyCheck } from "./config.ts";

/** One look takes no longer. */
const LOOK_MS = 5_000;
/** Pauses between looks: a service is ready soon, or in its own time. */
const PAUSE_MS = { first: 50, last: 2_000 } as const;
const OUTPUT_LIMIT = 4096;

export type LookTools = {
  readonly shell: Shell;
  readonly http: HttpClient;
  readonly env: Readonly<Record<string, string>>;
  /** Of the job. */
  readonly user: string | undefined;
};

/** Looks once whether a service is ready: a script that exits with 0, a port of the node that takes connections, or a URL that answers 2xx. (D3-21) */
export async function isReady(check: ReadyCheck, tools: LookTools, cut: AbortSignal): Promise<boolean> {
  const ending = AbortSignal.any([cut, AbortSignal.timeout(LOOK_MS)]);
  try {
    if ("tcp" in check) return await takesConnections(check.tcp, ending);
    if ("http" in check) {
      const { status } = await tools.http.send({ method: "GET", url: check.http, headers: {} }, ending);
      return status >= 200 && status < 300;
    }
    const user = tools.user === undefined ? {} : { user: tools.user };
    const script = { body: check.sh, env: tools.env, outputLimit: OUTPUT_LIMIT, ...user };
    const end = await tools.shell.run(script, ending);
    return end.kind === "ended" && end.exitCode === 0;
  } catch {
    return false; // it does not answer, or too many scripts of the kind run right now
  }
}

function takesConnections(port: number, cut: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, signal: cut });
    const tell = (answer: boolean) => (): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", tell(true));
    socket.once("error", tell(false));
  });
}

/** Finds out when a run is ready. What was ready once stays so until the run ends: who waits for it needs no more. */
export class ReadyWatch {
  #cut = new AbortController();
  #ready: number | undefined;

  isReady(run: number): boolean {
    return this.#ready === run;
  }

  /** Looks at a run again and again until it is ready, and says so. */
  begin(run: number, look: (cut: AbortSignal) => Promise<boolean>, onReady: () => void): void {
    this.end();
    void this.#watch(run, look, onReady, this.#cut.signal);
  }

  /** The run has ended, or another babel will look. */
  end(): void {
    this.#cut.abort();
    this.#cut = new AbortController();
    this.#ready = undefined;
  }

  async #watch(run: number, look: (cut: AbortSignal) => Promise<boolean>, onReady: () => void, cut: AbortSignal) {
    for (let pause: number = PAUSE_MS.first; !(await look(cut)); pause = Math.min(pause * 1.5, PAUSE_MS.last)) {
      await delay(pause, undefined, { ref: false, signal: cut }).catch(() => undefined);
      if (cut.aborted) return;
    }
    if (cut.aborted) return;
    this.#ready = run;
    onReady();
  }
}
