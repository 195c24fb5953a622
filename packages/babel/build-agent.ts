// Writes dist/agent: everything a node needs to run babel, whatever its image has. See README.md.
//   node build-agent.ts [TARGET [VERSION]]
import { buildAgent } from "./src/bundle/build.ts";

await buildAgent(process.argv[2], process.argv[3]);
