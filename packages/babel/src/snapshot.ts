import { pathToFileURL } from "node:url";
import { startupSnapshot } from "node:v8";
import { messageOf } from "./errno.ts";
import { pathsBelow } from "./paths.ts";
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
