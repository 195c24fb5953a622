/**
 * bv as somebody who has no rights but those of one group: `as-member.ts GROUP ARGUMENT...`. What it needs of this checkout is loaded before, as
 * that user may not be able to read it.
 */
import { registerHooks } from "node:module";
import "../bv/node/shell/shell.ts";
import { bv } from "../bv/program.ts";
import { runProgram } from "../command/program.ts";
import "../daemon/failure.ts";

const [group, ...words] = process.argv.slice(2);
const nobody = 65_534;
// What was loaded is found again without a look at its file.
registerHooks({
  resolve: (specifier, context, next) =>
    specifier.startsWith(".")
      ? { url: new URL(specifier, context.parentURL).href, shortCircuit: true }
      : next(specifier, context),
});
process.setgroups?.([Number(group)]);
process.setgid?.(nobody);
process.setuid?.(nobody);
await runProgram(bv, words);
