import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { agentDirectories } from "../../../place/agent.ts";
import { error, type Finding, ok, type Patient } from "../finding.ts";
import { attempt } from "../trial.ts";

interface Bundle {
  readonly directory: string;
  readonly version: string;
  readonly files: readonly { readonly path: string; readonly size: number }[];
}

const rebuild = "install the bundle again, or build it with ./dev setup; BV_AGENT_DIR names another place";

/** The agent that every node runs: all of it there, and its Node starts on this machine. */
export async function checkAgent({ signal }: Patient): Promise<readonly Finding[]> {
  const bundle = findBundle();
  if (bundle === undefined) {
    return [error("agent", `no agent.json in ${agentDirectories(process.env).join(", ")}`, rebuild)];
  }
  const broken = bundle.files.filter(
    ({ path, size }) => statSync(join(bundle.directory, path), { throwIfNoEntry: false })?.size !== size,
  );
  if (broken.length > 0) {
    return [
      error("agent", `incomplete: ${broken.map(({ path }) => join(bundle.directory, path)).join(", ")}`, rebuild),
    ];
  }
  const home = join(bundle.directory, bundle.version);
  const started = await attempt(
    join(home, "ld.so"),
    ["--library-path", join(home, "lib"), join(home, "node"), "--version"],
    signal,
  );
  if (!started.worked) return [error("agent", `${join(home, "node")} does not start: ${started.reason}`, rebuild)];
  return [ok("agent", `babel ${bundle.version} on Node ${started.said.trim()} at ${bundle.directory}`)];
}

/** Static, and with a shell: what a trial container can run. */
export function agentBusybox(): string | undefined {
  const bundle = findBundle();
  return bundle && join(bundle.directory, bundle.version, "busybox");
}

function findBundle(): Bundle | undefined {
  for (const directory of agentDirectories(process.env)) {
    try {
      const description = JSON.parse(readFileSync(join(directory, "agent.json"), "utf8")) as Omit<Bundle, "directory">;
      return { ...description, directory };
    } catch {
      // The next place; what is wrong with all of them is said by who asked.
    }
  }
  return undefined;
}
