import { verb } from "../../command/verb.ts";

export const whoamiVerb = verb<object>({
  name: "whoami",
  summary: "show where and as whom you are logged in, and what you may do",
  run: async (call) => (await import("./whoami.ts")).whoami(call),
});
