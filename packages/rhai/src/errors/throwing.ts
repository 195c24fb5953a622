import { rawDisplay } from "../text/format.ts";
import { signature } from "../values/type-name.ts";
import type { Value } from "../values/value.ts";
import { RhaiError } from "./rhai-error.ts";

/** The errors that more than one place raises; all without a place, which the caller fills in. */

export function functionNotFound(name: string, args: readonly Value[]): RhaiError {
  return notFoundText(signature(name, args));
}

export function notFoundText(text: string): RhaiError {
  return new RhaiError("ErrorFunctionNotFound", `Function not found: ${text}`, { dump: { function: text } });
}

export function variableNotFound(name: string): RhaiError {
  return new RhaiError("ErrorVariableNotFound", `Variable not found: ${name}`, { dump: { variable: name } });
}

export function moduleNotFound(name: string): RhaiError {
  return new RhaiError("ErrorModuleNotFound", `Module not found: ${name}`, { dump: { module: name } });
}

export function mismatch(actual: string, wanted: string): RhaiError {
  return new RhaiError("ErrorMismatchDataType", `Data type incorrect: ${actual} (expecting ${wanted})`, {
    dump: { requested: wanted, actual },
  });
}

export function outputMismatch(actual: string, wanted: string): RhaiError {
  return new RhaiError("ErrorMismatchOutputType", `Output type incorrect: ${actual} (expecting ${wanted})`, {
    dump: { requested: wanted, actual },
  });
}

export function arithmetic(text: string): RhaiError {
  return new RhaiError("ErrorArithmetic", text);
}

export function cannotModify(name: string): RhaiError {
  return new RhaiError("ErrorAssignmentToConstant", `Cannot modify constant ${name}`, { dump: { variable: name } });
}

export function constantProperty(name: string): RhaiError {
  return new RhaiError("ErrorNonPureMethodCallOnConstant", `Cannot modify property '${name}' of constant`, {
    dump: { function: name },
  });
}

export function nonPure(name: string): RhaiError {
  return new RhaiError("ErrorNonPureMethodCallOnConstant", `Non-pure method '${name}' cannot be called on constant`, {
    dump: { function: name },
  });
}

export function arrayBounds(index: Value, length: number): RhaiError {
  const what =
    length === 0 ? "array is empty" : length === 1 ? "only 1 element in array" : `only ${length} elements in array`;
  return new RhaiError("ErrorArrayBounds", `Array index ${index} out of bounds: ${what}`, {
    dump: { length, index },
  });
}

export function stringBounds(index: Value, length: number): RhaiError {
  const what =
    length === 0
      ? "string is empty"
      : length === 1
        ? "only 1 character in string"
        : `only ${length} characters in string`;
  return new RhaiError("ErrorStringBounds", `String index ${index} out of bounds: ${what}`, {
    dump: { length, index },
  });
}

export function bitBounds(index: Value): RhaiError {
  return new RhaiError("ErrorBitFieldBounds", `Bit-field index ${index} out of bounds: only 64 bits in bit-field`, {
    dump: { length: 64, index },
  });
}

export function indexerUnavailable(text: string): RhaiError {
  return new RhaiError("ErrorIndexingType", `Indexer unavailable: ${text}`, { dump: { type: text } });
}

export function dotError(text: string): RhaiError {
  return new RhaiError("ErrorDotExpr", text, { dump: { property: text } });
}

export function dataRace(): RhaiError {
  return new RhaiError("ErrorDataRace", "Data race detected", { dump: { variable: "" } }).withoutPlace();
}

export function dataTooLarge(what: string): RhaiError {
  return new RhaiError("ErrorDataTooLarge", `${what} too large`);
}

/** What `throw value` raises. */
export function thrown(value: Value): RhaiError {
  const text = value === undefined || value === "" ? "Runtime error" : `Runtime error: ${rawDisplay(value)}`;
  return new RhaiError("ErrorRuntime", text, { value });
}
