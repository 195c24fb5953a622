// Writes dist/plugin-worker: everything a plugin worker needs to run. See README.md.
//   node build-worker.ts AGENT [TARGET]     AGENT: folder of agent builds, whose Node and libraries it shares
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { buildWorker } from "./src/bundle/build-worker.ts";

const dist = join(import.meta.dirname, "../../dist");
const [agent = join(dist, "agent"), target = join(dist, "plugin-worker")] = process.argv.slice(2);
const { version } = JSON.parse(await readFile(join(agent, "agent.json"), "utf8")) as { readonly version: string };
await buildWorker(join(agent, version), target);
