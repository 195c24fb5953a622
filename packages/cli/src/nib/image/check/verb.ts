import { count, seconds } from "../../../command/values.ts";
import { verb } from "../../../command/verb.ts";
import type { DevNodeOptions } from "../../dev-node/create.ts";
import { metadataPath } from "../../metadata/metadata-path.ts";
import { devNodeOptions } from "../dev-node-options.ts";
import { pathOrBesideOption, propsOption, secretOption, variantOption } from "../path-option.ts";

const checkNames = ["plugin", "jobs-status", "jobs-restarts", "protocol-status"] as const;
const reports = ["pretty", "sarif", "github"] as const;
export type CheckName = (typeof checkNames)[number];

export interface CheckOptions extends DevNodeOptions {
  readonly variant?: string;
  readonly allVariants?: true;
  readonly props?: string;
  readonly pluginDir?: string;
  readonly lintOnly?: true;
  readonly lint?: true;
  readonly strict?: true;
  readonly startTimeout: number;
  readonly jobsWait: number;
  readonly cleanup?: true;
  readonly forceCleanup?: true;
  readonly logLines: number;
  readonly report: (typeof reports)[number];
}

type GivenOptions = Omit<CheckOptions, "path"> & { readonly path?: string };

export const checkVerb = verb<GivenOptions, [checks: readonly CheckName[]]>({
  name: "check",
  summary: "check the image: its metadata, its plugin, and how a node of it runs",
  details:
    "plugin           metadata and plugin alone: needs no daemon, no login and no root\n" +
    "jobs-status      starts a dev node: no job may have failed\n" +
    "jobs-restarts    no job may have been restarted\n" +
    "protocol-status  the protocol must not be unhealthy\n\n" +
    "Without names: plugin and jobs-status. Metadata and plugin are checked in any case, before a node is made.",
  examples: [
    ["nib image check --lint-only", "after every save"],
    ["nib image check --lint-only --plugin-dir .", "without any container tool"],
    ["nib image check --lint-only --plugin-dir . --report sarif > nib.sarif", "for a code host"],
    ["nib image check plugin jobs-status jobs-restarts protocol-status --cleanup", "everything"],
  ],
  arguments: [{ usage: "[checks...]", summary: "what to check", choices: checkNames }],
  options: [
    pathOrBesideOption,
    variantOption,
    { flags: "--all-variants", summary: "check every variant of the file" },
    propsOption,
    secretOption,
    {
      flags: "--plugin-dir <directory>",
      summary: "take the plugin from here, not from the container",
      completes: "directory",
    },
    { flags: "--lint-only", summary: "the same as naming plugin alone" },
    { flags: "--lint", summary: "the same", hidden: true },
    { flags: "--strict", summary: "take warnings for errors" },
    {
      flags: "--report <form>",
      summary: "how findings are printed: for people, as SARIF 2.1.0, or as commands of a GitHub workflow",
      choices: reports,
      initial: "pretty",
    },
    { flags: "--start-timeout <time>", summary: "how long the node may take to start", parse: seconds, initial: 30 },
    { flags: "--jobs-wait <time>", summary: "how long it runs before it is looked at", parse: seconds, initial: 5 },
    { flags: "--cleanup", summary: "delete the node when everything passed" },
    { flags: "--force-cleanup", summary: "delete the node in any case" },
    { flags: "--log-lines <number>", summary: "how much of a failed job's log is shown", parse: count, initial: 10 },
    ...devNodeOptions,
  ],
  run: async (call) => {
    const options = { ...call.options, path: metadataPath(call.options) };
    await (await import("./check.ts")).checkImage({ ...call, options });
  },
});
