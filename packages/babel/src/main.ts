import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Agent } from "./agent.ts";
import { messageOf } from "./errno.ts";
import { inRoot, type Paths, pathsBelow, type Toolbox } from "./paths.ts";
import { writeProgress } from "./progress-command.ts";
import { engineClient } from "./service/engine.ts";
import { serve } from "./service/server.ts";

/**
 * The agent's program. Without arguments it serves until SIGTERM; `archive NAME` is one attempt of an archive job, `progress
 * CURRENT TOTAL [MESSAGE]` a help for job scripts, `archive-tool …` fetches, verifies and repairs archives outside of a node. `BABEL_ROOT` moves every path, `BABEL_DIR` says where the bundle is.
 */
async function main(args: readonly string[]): Promise<number> {
  const paths = pathsBelow(process.env["BABEL_ROOT"] ?? "/");
  const [verb, ...rest] = args;
  if (verb === "archive") {
    // Only its own process ever loads the archive engine: an idle babel stays small.
    const [{ runArchiveProcess }, { runArchive }] = await Promise.all([
      import("./archive-process.ts"),
      import("./archive/index.ts"),
    ]);
    return runArchiveProcess(rest[0] ?? "", paths, runArchive);
  }
  if (verb === "archive-tool") return (await import("./archive/tool/archive-tool.ts")).archiveTool(rest);
  if (verb === "progress") return writeProgress(rest, process.env);
  if (verb !== undefined) {
    console.error(
      `babel: unknown command '${verb}'; known are: archive NAME, archive-tool, progress CURRENT TOTAL [MESSAGE]`,
    );
    return 2;
  }
  return serveUntilEnded(paths);
}

async function serveUntilEnded(paths: Paths): Promise<number> {
  const folder = process.env["BABEL_DIR"] ?? dirname(fileURLToPath(import.meta.url));
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
    archiveCommand: [join(folder, "busybox"), "env", `BABEL_ROOT=${paths.root}`, ...archiveCommand(folder)],
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

function archiveCommand(folder: string): readonly string[] {
  const description = readDescription(folder);
  if (description === undefined) return [process.execPath, fileURLToPath(import.meta.url), "archive"];
  return description.archive.map((argument) => argument.replaceAll("{dir}", dirname(folder)));
}

const versionOf = (folder: string): string => readDescription(folder)?.version ?? "0.0.0-source";

function readDescription(
  folder: string,
): { readonly version: string; readonly archive: readonly string[] } | undefined {
  const path = join(folder, "agent.json");
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(`babel: ${messageOf(error)}`);
  process.exitCode = 1;
}
process.exit();
