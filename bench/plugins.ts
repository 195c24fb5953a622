/**
 * What it costs that plugins run in sandboxed processes: the first call, which starts one, against the start of Node; and calls that each ask
 * the host something, against as many bytes that go to `cat` and come back. Needs root.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { sandboxWorkers } from "../packages/host/src/plugin/worker-sandbox.ts";
import { PluginWorkers, StubEngine, sampleNodeEnv } from "../packages/plugin/src/index.ts";
import { compare, program, report, repository } from "./compare.ts";

const files = { "main.rhai": "fn f() { node_params().len() }" };
const rounds = 11;
const calls = 1_000;

const { command, against } = await sandboxWorkers([join(repository, "dist/agent")]);
if (against !== undefined) throw new Error(`this machine has no sandbox for plugins: ${against}`);
const engine = new StubEngine({ env: sampleNodeEnv({ version: "1.0.0", protocol: "p", variant: "v" }), params: {} });

await using workers = new PluginWorkers({ size: 1, command });
const plugin = await workers.load(files);
const cat = spawn("cat", { stdio: ["pipe", "pipe", "inherit"] });

report("plugins", [
  await compare(
    {
      name: "first call, with its process",
      run: async () => {
        await using own = new PluginWorkers({ size: 1, command });
        await (await own.load(files)).call("f", "", engine);
      },
    },
    { name: "node -e 0", run: () => program(process.execPath, ["-e", "0"]) },
    rounds,
  ),
  await compare(
    {
      name: `${calls} calls with a question each`,
      run: async () => {
        for (let call = 0; call < calls; call += 1) await plugin.call("f", "", engine);
      },
    },
    {
      name: `${2 * calls} lines through cat`,
      run: async () => {
        for (let line = 0; line < 2 * calls; line += 1) {
          cat.stdin.write("a question or an answer\n");
          await once(cat.stdout, "data");
        }
      },
    },
    rounds,
  ),
]);
cat.stdin.end();
