import { seconds } from "../../../command/values.ts";
import { verb } from "../../../command/verb.ts";
import { nodeArgument } from "../node-argument.ts";

export interface RunOptions {
  readonly param?: string;
  readonly paramFile?: string;
  readonly timeout: number;
  readonly wait?: true;
}

export const nodeRunVerb = verb<RunOptions, [method: string, node?: string]>({
  name: "run",
  summary: "call a function of the node's plugin and print what it returns",
  details: "On a dev node the plugin's files are read again first, so that every edit counts at once.",
  examples: [
    ["bv node run height", "of the only node, or the one whose directory this is"],
    ["bv node run init my-node", "run the initialisation again"],
    ["bv node run greet my-node --param world", "with a parameter"],
    ["bv node run login my-node --param-file -", "with one that nobody is to see: what is typed, or comes from a pipe"],
    ["bv node run upload my-node --wait", "until the archive is uploaded, with its progress"],
  ],
  arguments: [{ usage: "<method>", summary: "name of the function; `bv node caps` lists them" }, nodeArgument],
  options: [
    { flags: "--param <text>", summary: "what the function is given" },
    { flags: "--param-file <file>", summary: "the same from a file; - is stdin", completes: "file" },
    { flags: "--wait", summary: "of upload: also wait for its jobs; one that fails, fails the command" },
    { flags: "--timeout <time>", summary: "how long it may take", parse: seconds, initial: 600 },
  ],
  run: async (call) => (await import("./run.ts")).runFunction(call),
});
