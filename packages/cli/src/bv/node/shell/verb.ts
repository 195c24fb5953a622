import { operandsOf } from "../../../command/option-words.ts";
import { verb } from "../../../command/verb.ts";
import { nodeArgument } from "../node-argument.ts";

export const nodeShellVerb = verb<object, [node: string | undefined, command: readonly string[]]>({
  name: "shell",
  summary: "open a shell in the running node, or run a command there",
  details:
    "It is root in the node's container, on a terminal of its own, or reads what to do from a pipe. The exit status is that of " +
    "the shell or command; 128 and more is the signal that ended it. It ends with this program.",
  arguments: [
    nodeArgument,
    { usage: "[command...]", summary: "behind `--`: what to run instead of a shell", completes: "none" },
  ],
  examples: [
    ["bv node shell my-node", "a shell"],
    ["bv node shell my-node -- df -h /blockjoy", "a command"],
    ["bv node shell my-node < script.sh", "the commands of a script"],
  ],
  // What stands behind `--` is no node.
  rewrite: (words, own) => {
    const end = words.indexOf("--");
    return end < 0 || operandsOf(words, own).length > 0 ? words : [...words.slice(0, end), ".", ...words.slice(end)];
  },
  run: async (call) => (await import("./shell.ts")).openShell(call),
});
