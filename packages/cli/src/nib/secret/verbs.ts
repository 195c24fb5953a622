import { count } from "../../command/values.ts";
import { type Verb, type VerbArgument, type VerbOption, verb } from "../../command/verb.ts";

/** Whose secrets: exactly one of them. */
export interface ScopeOptions {
  readonly org?: string;
  readonly node?: string;
  readonly platform?: true;
}

export interface SetOptions extends ScopeOptions {
  readonly file?: string;
  readonly ifVersion?: number;
  readonly protocol?: readonly string[];
}

const key: VerbArgument = { usage: "<key>", summary: "6 to 128 characters of a-z, 0-9 and -", completes: "none" };

const scope: readonly VerbOption[] = [
  { flags: "--org <id>", summary: "of an organisation: every node of it finds them" },
  { flags: "--node <id>", summary: "of one node" },
  { flags: "--platform", summary: "of the platform, for its administrators: every node finds them" },
];

const setVerb = verb<SetOptions, [key: string]>({
  name: "set",
  summary: "write a secret; the value comes from a file or stdin, never from the command line",
  details:
    "A node finds its own secret of a key, else that of its org, else the platform's. Plugins see a changed one with their next call. From stdin the last line end is left out.",
  examples: [
    ["nib secret set grafana-loki-key --org ORG < loki.key", "for all nodes of an organisation"],
    [
      "nib secret set cloudflare-cert-key --platform --protocol ethereum",
      "asks for the value; for nodes of one protocol",
    ],
  ],
  arguments: [key],
  options: [
    ...scope,
    { flags: "--file <file>", summary: "take its bytes as they are", completes: "file" },
    {
      flags: "--if-version <number>",
      summary: "only if this is its version now (0: only if there is none)",
      parse: count,
    },
    { flags: "--protocol <key>", summary: "of the platform: only for nodes of this protocol", repeats: true },
  ],
  run: async (call) => (await import("./set/set.ts")).setSecret(call),
});

const listVerb = verb<ScopeOptions>({
  name: "list",
  aliases: ["ls"],
  summary: "list keys, versions and times, never values; of a node everything that it finds",
  options: scope,
  run: async (call) => (await import("./list/list.ts")).listSecrets(call),
});

const deleteVerb = verb<ScopeOptions, [key: string]>({
  name: "delete",
  aliases: ["rm"],
  summary: "delete a secret",
  arguments: [key],
  options: scope,
  run: async (call) => (await import("./delete/delete.ts")).deleteSecret(call),
});

export const secretVerbs: Verb = {
  name: "secret",
  summary: "manage the secrets that nodes find with get_secret",
  verbs: [setVerb, listVerb, deleteVerb],
};
