import { fileURLToPath } from "node:url";
import { messageOf } from "./errno.ts";
import { pathsBelow } from "./paths.ts";
import { serveUntilEnded } from "./serving.ts";

/**
 * The agent's program. Without arguments it serves until SIGTERM; `archive NAME` is one attempt of an archive job, `archive-tool …` fetches, verifies,
 * repairs and pushes archives outside of a node. `BABEL_ROOT` moves every path, `BABEL_DIR` says where the bundle is.
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
  if (verb !== undefined) {
    console.error(`babel: unknown command '${verb}'; known are: archive NAME, archive-tool`);
    return 2;
  }
  return serveUntilEnded(paths, fileURLToPath(import.meta.url));
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(`babel: ${messageOf(error)}`);
  process.exitCode = 1;
}
process.exit();
