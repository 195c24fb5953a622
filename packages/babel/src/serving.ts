import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Agent } from "./agent.ts";
import { inRoot, type Paths, type Toolbox } from "./paths.ts";
import { engineClient } from "./service/engine.ts";
import { serve } from "./service/server.ts";

/** Serves until SIGTERM; resolves with the exit status. `entry`: the file that babel was started with, beside which its tools are. */
export async function serveUntilEnded(paths: Paths, entry: string): Promise<number> {
  const folder = process.env["BABEL_DIR"] ?? dirname(entry);
  let agent: Agent | undefined;
  const engine = engineClient(paths.engineSocket, () => agent?.secret);
  const report = (message: string): void => {
    console.error(`babel: ${message}`);
    engine.bvError({ message }).catch(() => undefined); // the host may be away; it is on stderr, too
  };
  agent = await Agent.start({
    paths,
    toolbox: toolboxIn(folder, paths),
    version: versionOf(folder),
    archiveCommand: [join(folder, "busybox"), "env", `BABEL_ROOT=${paths.root}`, ...archiveCommand(folder, entry)],
    report,
    env: process.env,
  });
  const server = await serve(agent);
  await new Promise<void>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.once(signal, () => resolve());
  });
  await server.close();
  agent.close();
  return 0;
}

/** The image's shell if it has one, else the bundle's busybox under the name `sh`. */
function toolboxIn(folder: string, paths: Paths): Toolbox {
  const ofImage = inRoot(paths, "/bin/sh");
  const hasShell = paths.root === "/" ? existsSync(ofImage) : existsSync("/bin/sh");
  return {
    busybox: join(folder, "busybox"),
    shim: join(folder, "shim.sh"),
    shell: hasShell ? "/bin/sh" : join(folder, "sh"),
  };
}

function archiveCommand(folder: string, entry: string): readonly string[] {
  const description = readDescription(folder);
  if (description === undefined) return [process.execPath, entry, "archive"];
  return description.archive.map((argument) => argument.replaceAll("{dir}", dirname(folder)));
}

const versionOf = (folder: string): string => readDescription(folder)?.version ?? "0.0.0-source";

function readDescription(
  folder: string,
): { readonly version: string; readonly archive: readonly string[] } | undefined {
  const path = join(folder, "agent.json");
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined;
}
