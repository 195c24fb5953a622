import type { EngineContext } from "../engine/port.ts";
import type { CallOptions } from "../plugin.ts";
import { PluginError } from "../plugin-error.ts";

/**
 * Runs `work` with a deadline and a signal that fires when time is over, the caller gives up, or the work has ended: nothing that was
 * begun for it goes on afterwards.
 */
export async function withinTime<T>(
  what: string,
  options: CallOptions,
  work: (ctx: EngineContext) => Promise<T>,
): Promise<T> {
  const ending = new AbortController();
  const { signal, timeoutMs = Number.POSITIVE_INFINITY } = options;
  const expire = (): void => ending.abort(new PluginError("PLUGIN_TIMEOUT", timeoutMessage(what, timeoutMs)));
  const giveUp = (): void => {
    // A limit around this one knows better why.
    const outer: unknown = signal?.reason;
    ending.abort(
      outer instanceof PluginError
        ? outer
        : new PluginError("PLUGIN_ABORTED", `'${what}' was given up`, { cause: outer }),
    );
  };
  const timer = Number.isFinite(timeoutMs) ? setTimeout(expire, timeoutMs) : undefined;
  const { promise: ended, reject } = Promise.withResolvers<never>();
  let lastWord: NodeJS.Timeout | undefined;
  const onEnd = (): void => {
    lastWord = setTimeout(reject, LAST_WORD_MS, ending.signal.reason);
  };
  if (signal?.aborted) giveUp();
  signal?.addEventListener("abort", giveUp, { once: true });
  try {
    ending.signal.throwIfAborted();
    ending.signal.addEventListener("abort", onEnd, { once: true });
    return await Promise.race([work({ deadline: Date.now() + timeoutMs, signal: ending.signal }), ended]);
  } catch (error) {
    if (error instanceof PluginError) throw error;
    if (ending.signal.aborted) throw ending.signal.reason;
    throw new PluginError("PLUGIN_ENGINE", error instanceof Error ? error.message : String(error), { cause: error });
  } finally {
    clearTimeout(timer);
    ending.signal.removeEventListener("abort", onEnd);
    clearTimeout(lastWord);
    signal?.removeEventListener("abort", giveUp);
    ending.abort(new PluginError("PLUGIN_ABORTED", `'${what}' has ended`));
  }
}

export function timeoutMessage(what: string, timeoutMs: number): string {
  return `'${what}' did not finish within ${timeoutMs / 1000} s`;
}

/** Time for a script to say where it was when it was stopped, before the call rejects without that. */
const LAST_WORD_MS = 1_000;
