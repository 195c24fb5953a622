import { count } from "../../../command/values.ts";
import { verb } from "../../../command/verb.ts";
import { nodesArgument } from "../node-argument.ts";
import { type WaitOptions, waitOptions } from "../wait.ts";

export interface UpgradeOptions extends WaitOptions {
  readonly version?: string;
  readonly build?: number;
  readonly all?: true;
}

export const nodeUpgradeVerb = verb<UpgradeOptions, [nodes: readonly string[]]>({
  name: "upgrade",
  summary: "bring nodes to a published version of their image, through the control plane",
  details:
    "Data are kept. A version that does not come up is rolled back, with the reason in `bv node info`; what was replaced is kept\n" +
    "until the next upgrade, and `bv node rollback` goes back to it. Dev nodes are upgraded with `nib image upgrade`.",
  examples: [
    ["bv node upgrade my-node --wait", "to the latest version"],
    ["bv node upgrade --all --version 1.2.3", "every node of this machine"],
  ],
  arguments: [nodesArgument],
  options: [
    { flags: "--version <version>", summary: "version of the image (default: the latest)" },
    { flags: "--build <number>", summary: "build of the version (default: the latest)", parse: count },
    { flags: "-a, --all", summary: "all nodes of this machine" },
    ...waitOptions,
  ],
  run: async (call) => (await import("./upgrade.ts")).upgradeNodes(call),
});
