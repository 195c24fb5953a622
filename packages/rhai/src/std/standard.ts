import type { Natives } from "../host/natives.ts";
import { addArrayCallbacks } from "./array-callbacks.ts";
import { addArrays } from "./arrays.ts";
import { addBits } from "./bits.ts";
import { addBlobNumbers } from "./blob-numbers.ts";
import { addBlobs } from "./blobs.ts";
import { addCore } from "./core.ts";
import { Library } from "./library.ts";
import { addMaps } from "./maps.ts";
import { addMath } from "./math.ts";
import { addNumbers } from "./numbers.ts";
import { addParsing } from "./parsing.ts";
import { addRanges } from "./ranges.ts";
import { addSorting } from "./sorting.ts";
import { addStringPieces } from "./string-pieces.ts";
import { addStrings } from "./strings.ts";
import { addTime } from "./time.ts";

let standard: Natives | null = null;

/** The standard library (spec 15), built once and shared by all engines. */
export function standardLibrary(): Natives {
  if (standard !== null) return standard;
  const library = new Library();
  addCore(library);
  addNumbers(library);
  addMath(library);
  addParsing(library);
  addStrings(library);
  addStringPieces(library);
  addArrays(library);
  addArrayCallbacks(library);
  addSorting(library);
  addMaps(library);
  addBlobs(library);
  addBlobNumbers(library);
  addRanges(library);
  addBits(library);
  addTime(library);
  standard = library.natives;
  return standard;
}
