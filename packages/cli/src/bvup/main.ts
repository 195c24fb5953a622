import { runProgram } from "../command/program.ts";
import { bvup } from "./program.ts";

await runProgram(bvup, process.argv.slice(2));
