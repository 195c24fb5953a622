import { count } from "../../command/values.ts";
import { type Verb, verb } from "../../command/verb.ts";

export interface ListOptions {
  readonly name?: string;
  readonly number: number;
}

export interface PushOptions {
  readonly path: string;
  readonly key?: string;
  readonly dryRun?: true;
}

const listVerb = verb<ListOptions>({
  name: "list",
  aliases: ["ls"],
  summary: "list the protocols that you can see, with their versions",
  options: [
    { flags: "--name <text>", summary: "only those whose name has this text" },
    { flags: "-n, --number <number>", summary: "how many at most", parse: count, initial: 50 },
  ],
  run: async (call) => (await import("./list/list.ts")).protocolList(call),
});

const pushVerb = verb<PushOptions>({
  name: "push",
  summary: "create or update the protocols of protocols.yaml",
  options: [
    { flags: "--path <file>", summary: "list of protocols", initial: "protocols.yaml", completes: "file" },
    { flags: "--key <key>", summary: "only this one of them" },
    { flags: "--dry-run", summary: "show what would change, and change nothing" },
  ],
  run: async (call) => (await import("./push/push.ts")).pushProtocols(call),
});

export const protocolVerbs: Verb = {
  name: "protocol",
  aliases: ["p"],
  summary: "list and publish protocols",
  verbs: [listVerb, pushVerb],
};
