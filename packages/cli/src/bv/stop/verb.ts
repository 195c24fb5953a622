import { seconds } from "../../command/values.ts";
import { verb } from "../../command/verb.ts";

export interface StopOptions {
  readonly timeout: number;
}

export const stopVerb = verb<StopOptions>({
  name: "stop",
  summary: "stop blockvisord; the nodes go on running",
  options: [{ flags: "--timeout <time>", summary: "how long to wait", parse: seconds, initial: 30 }],
  run: async (call) => (await import("./stop.ts")).stopService(call),
});
