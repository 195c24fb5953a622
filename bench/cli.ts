/** Start-up of the command lines, which people feel at every call, against the start of Node itself. */
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { Workbench } from "../e2e/workbench.ts";
import { compare, program, report } from "./compare.ts";

await using bench = new Workbench("bench-cli");
await bench.startDaemon();
const image = bench.example("ethereum-anvil");
copyFileSync(join(bench.example("base"), "base.rhai"), join(image, "base.rhai"));
const node = { name: "node -e 0", run: () => program(process.execPath, ["-e", "0"]) };
const rounds = 15;

report("cli", [
  await compare({ name: "nib --version", run: () => bench.must("nib", ["--version"]) }, node, rounds),
  await compare({ name: "bv node ls", run: () => bench.must("bv", ["node", "ls"]) }, node, rounds),
  await compare(
    {
      name: "nib image check --lint-only",
      run: () =>
        bench.must("nib", ["image", "check", "--lint-only", "--plugin-dir", ".", "--variant", "anvil-local-full"], {
          cwd: image,
        }),
    },
    node,
    rounds,
  ),
]);
