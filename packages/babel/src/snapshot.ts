import { pathToFileURL } from "node:url";
import { startupSnapshot } from "node:v8";
import { Agent } from "./agent.ts";
import { messageOf } from "./errno.ts";
import { pathsBelow } from "./paths.ts";
import { listenPrivately } from "./service/private-socket.ts";
import { serveUntilEnded } from "./serving.ts";

/**
 * Babel's serving half with everything loaded, as the bundle keeps it in a V8 start-up snapshot: a node's babel is up in half the time and
 * half the memory. What is set here at the start is what the loading left out: nothing of a machine, process or moment may be in it.
 */
startupSnapshot.setDeserializeMainFunction(() => {
  const entry = process.argv[1] ?? "";
  Object.assign(globalThis, { babelUrl: pathToFileURL(entry).href });
  serveUntilEnded(pathsBelow(process.env["BABEL_ROOT"] ?? "/"), entry)
    .catch((error: unknown) => {
      console.error(`babel: ${messageOf(error)}`);
      return 1;
    })
    .then((status) => process.exit(status));
});

/**
 * Runs the start of a babel once while the snapshot is made, in a folder that is for that only: functions that have run are in the snapshot compiled,
 * the others are compiled by each babel. What it made is closed and forgotten.
 */
async function warmUp(root: string): Promise<void> {
  const agent = await Agent.start({
    paths: pathsBelow(root),
    toolbox: { busybox: "/busybox", shim: `${root}/shim.sh`, shell: "/sh" },
    version: "",
    archiveCommand: [],
    report: () => undefined,
    env: {},
  });
  const server = await listenPrivately(pathsBelow(root).babelSocket, () => undefined);
  await new Promise((resolve) => server.close(resolve));
  agent.close();
  if (agent.state !== "ready") throw new Error(`the first Setup in ${root} was not done`);
}

const warmRoot = process.env["BABEL_ROOT"];
if (startupSnapshot.isBuildingSnapshot() && warmRoot !== undefined) void warmUp(warmRoot);
