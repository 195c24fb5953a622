import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";
import { Failure, reason } from "../failure/failure.ts";

/** No file that a person writes for us is larger. */
const largestFile = 4 << 20;

/** Reads a text file that the user named. */
export function readText(path: string, hint: string): string {
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    if (fstatSync(file).size > largestFile) throw new Error(`it is larger than ${largestFile} bytes`);
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new Failure("file-unreadable", `cannot read ${path}`, { causes: [reason(error)], hint });
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
