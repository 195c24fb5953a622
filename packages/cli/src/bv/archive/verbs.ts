import { bandwidth, count, countOrNone } from "../../command/values.ts";
import { type Verb, type VerbOption, verb } from "../../command/verb.ts";
import { administrationVerbs } from "./administer/verbs.ts";

export interface ListOptions {
  readonly all?: true;
}

export interface OperateOptions {
  readonly node?: string;
  readonly data?: string;
  readonly dataVersion?: number;
  readonly connections?: number;
  readonly bandwidth?: number;
  readonly exclude?: readonly string[];
  readonly compression?: string;
  readonly cas?: true;
  readonly dryRun?: true;
}

export type OperateVerb = "verify" | "repair" | "fetch" | "push";

const keyArgument = {
  usage: "<store-key>",
  summary: "name of the archive; `bv archive list` shows them",
  completes: "none",
} as const;

const where: readonly VerbOption[] = [
  { flags: "-d, --data <folder>", summary: "the folder with the protocol data", completes: "directory" },
  { flags: "-n, --node <node>", summary: "the protocol data of a node, which has to be stopped", completes: "node" },
];
const version: VerbOption = {
  flags: "--data-version <number>",
  summary: "which version (default: the newest)",
  parse: count,
};
const transfer: readonly VerbOption[] = [
  { flags: "-c, --connections <number>", summary: "at most so many at once", parse: countOrNone },
  { flags: "-b, --bandwidth <speed>", summary: "bytes per second, for example 20MB/s", parse: bandwidth },
];

function operateVerb(
  name: OperateVerb,
  summary: string,
  options: readonly VerbOption[],
  examples: readonly (readonly [string, string])[],
): Verb {
  return verb<OperateOptions, [storeKey: string]>({
    name,
    summary,
    examples,
    arguments: [keyArgument],
    options: [...where, ...options],
    run: async (call) => (await import("./operate/operate.ts")).operate(call, name),
  });
}

const listVerb = verb<ListOptions, [storeKey?: string]>({
  name: "list",
  aliases: ["ls"],
  summary: "list the archives that this host can see, with their versions and sizes",
  arguments: [{ ...keyArgument, usage: "[store-key]" }],
  options: [
    { flags: "-a, --all", summary: "also uploads that are under way, and versions that are handed out no longer" },
  ],
  run: async (call) => (await import("./list/list.ts")).archiveList(call),
});

export const archiveVerbs: Verb = {
  name: "archive",
  aliases: ["a"],
  summary: "look at archives of protocol data, check data on disk against them, fetch, push and administer them",
  verbs: [
    listVerb,
    operateVerb(
      "verify",
      "compare data on disk with an archive; exit code 3 when it differs",
      [version],
      [
        [
          "bv archive verify ethereum-reth-mainnet-full-v1 --node my-node",
          "which chunks of a stopped node's data are damaged",
        ],
      ],
    ),
    operateVerb(
      "repair",
      "compare data on disk with an archive, and fetch only what is damaged",
      [version, ...transfer],
      [["bv archive repair ethereum-reth-mainnet-full-v1 --node my-node", "mends a stopped node's data"]],
    ),
    operateVerb(
      "fetch",
      "download an archive into a folder; goes on where it was cut",
      [version, ...transfer],
      [["bv archive fetch ethereum-reth-mainnet-full-v1 --data /mnt/reth --bandwidth 50MB/s", "without a node"]],
    ),
    operateVerb(
      "push",
      "upload a folder as the next version of an archive; goes on where it was cut",
      [
        ...transfer,
        { flags: "-x, --exclude <glob>", summary: "leave these paths out; may be repeated", repeats: true },
        { flags: "--compression <zstd:level|none>", summary: "default: zstd:3" },
        { flags: "--cas", summary: "content-addressed: upload only what the version before does not have" },
        { flags: "--dry-run", summary: "only tell what would be uploaded, and what is left out" },
      ],
      [
        ["bv archive push my-chain-v1 --node my-node --exclude '*LOCK'", "a snapshot of a stopped node's data"],
        [
          "bv archive push my-chain-v1 --data copy --exclude '*LOCK' --cas --dry-run",
          "which files, how much of it is new",
        ],
      ],
    ),
    ...administrationVerbs,
  ],
};
