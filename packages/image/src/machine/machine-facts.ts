import { release } from "node:os";
import { runTool } from "../container/run-tool.ts";
import { type Gpu, gpus } from "./gpus.ts";
import { type Runtime, runtimes, type ToolRun } from "./runtimes.ts";

/** What a machine has to run images with. */
export interface MachineFacts {
  /** Release, as of `uname -r`. */
  readonly kernel: string;
  readonly runtimes: readonly Runtime[];
  readonly gpus: readonly Gpu[];
}

/** What of it a control plane takes (`blockvisor.hosts.v1.Facts`). */
const longest = 128;
const mostGpus = 64;

/** Looks at this machine (host-daemon DB-10.7). Texts have at most 128 characters, all of them to be seen. `root` holds `sys` and `proc`. */
export async function machineFacts(run: ToolRun = runTool, root = "/"): Promise<MachineFacts> {
  const [found, cards] = await Promise.all([runtimes(run), gpus(root)]);
  return {
    kernel: shown(release()),
    runtimes: found.map(({ program, version }) => ({ program, version: shown(version) })),
    gpus: cards
      .slice(0, mostGpus)
      .map(({ address, name }) => ({ address: shown(address), name: shown(name) || "unknown" })),
  };
}

/** A cut pair of surrogates is not to be seen either. */
const shown = (text: string): string => seen(seen(text).slice(0, longest));

const seen = (text: string): string => text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "");
