import { verb } from "../../command/verb.ts";

export const statusVerb = verb<object>({
  name: "status",
  summary: "show whether blockvisord runs and how it is doing",
  run: async (call) => (await import("./status.ts")).serviceStatus(call),
});
