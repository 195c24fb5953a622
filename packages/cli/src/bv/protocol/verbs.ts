import { count } from "../../command/values.ts";
import { type Verb, verb } from "../../command/verb.ts";

export interface ListOptions {
  readonly name?: string;
  readonly number: number;
}

const listVerb = verb<ListOptions>({
  name: "list",
  aliases: ["ls"],
  summary: "list the protocols that this host can run, with their versions",
  options: [
    { flags: "--name <text>", summary: "only those whose name has this text" },
    { flags: "-n, --number <number>", summary: "how many at most", parse: count, initial: 50 },
  ],
  run: async (call) => (await import("./list.ts")).protocolList(call),
});

export const protocolVerbs: Verb = {
  name: "protocol",
  aliases: ["p"],
  summary: "look up protocols in the control plane",
  verbs: [listVerb],
};
