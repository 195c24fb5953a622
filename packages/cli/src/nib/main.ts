import { runProgram } from "../command/program.ts";
import { nib } from "./program.ts";

await runProgram(nib, process.argv.slice(2));
