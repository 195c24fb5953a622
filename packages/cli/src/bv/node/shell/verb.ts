import { verb } from "../../../command/verb.ts";
import { nodeArgument } from "../node-argument.ts";

export const nodeShellVerb = verb<object, [node?: string]>({
  name: "shell",
  summary: "open a shell in the running node; for root",
  arguments: [nodeArgument],
  run: async (call) => (await import("./shell.ts")).openShell(call),
});
