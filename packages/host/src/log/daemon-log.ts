import pino, { type DestinationStream, type Logger } from "pino";
import { Repetition } from "./repetition.ts";

/** From here on (pino's numbers) lines tell of trouble, which likes to repeat itself; a fatal one is the last anyway. */
const [warn, fatal] = [40, 60];

/**
 * The daemon's log (spec host-daemon §1.11, DB-1.7): one JSON object a line, as the journal takes it, which also keeps it to its size. Lines
 * name the `node` they are about and, while something is done that somebody asked for, the `command` of the control plane or the `request`
 * of this machine that it is done for. A warning that repeats itself is held back after a few times a minute, and the next one says how many were: `held_back`.
 *
 * @param level trace, debug, info, warn or error
 */
export function createLog(level: string, destination?: DestinationStream, now?: () => number): Logger {
  const repetition = new Repetition(now);
  return pino(
    {
      level,
      base: null,
      // The journal adds time and identifier itself, but other sinks do not.
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: ["token", "refresh_token", "*.token", "*.refresh_token"],
      hooks: {
        logMethod(args, method, number) {
          if (number < warn || number >= fatal) return method.apply(this, args);
          const [first, second] = args as unknown as readonly [unknown, unknown];
          const fields = typeof first === "object" && first !== null ? first : {};
          const message = String(fields === first ? second : first);
          const { node = "" } = { ...this.bindings(), ...fields } as { readonly node?: unknown };
          const admitted = repetition.admit(String(node), message);
          if (admitted === undefined) return;
          if (admitted.heldBack === 0) return method.apply(this, args);
          method.apply(this, [{ ...fields, held_back: admitted.heldBack }, message]);
        },
      },
    },
    destination ?? pino.destination(1),
  );
}
