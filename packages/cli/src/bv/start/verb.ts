import { seconds } from "../../command/values.ts";
import { verb } from "../../command/verb.ts";

export interface StartOptions {
  readonly timeout: number;
}

export const startVerb = verb<StartOptions>({
  name: "start",
  summary: "start blockvisord and wait until its nodes are attached",
  options: [{ flags: "--timeout <time>", summary: "how long to wait", parse: seconds, initial: 180 }],
  run: async (call) => (await import("./start.ts")).startService(call),
});
