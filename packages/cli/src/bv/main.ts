import { runProgram } from "../command/program.ts";
import { bv } from "./program.ts";

await runProgram(bv, process.argv.slice(2));
