/**
 * bv as somebody who has no rights but those of one group: `as-member.ts GROUP ARGUMENT...`. What it needs of this checkout is loaded before, as
 * that user may not be able to read it.
 */
import "../bv/node/shell/shell.ts";
import { bv } from "../bv/program.ts";
import { runProgram } from "../command/program.ts";
import "../daemon/failure.ts";

const [group, ...words] = process.argv.slice(2);
const nobody = 65_534;
process.setgroups?.([Number(group)]);
process.setgid?.(nobody);
process.setuid?.(nobody);
await runProgram(bv, words);
