import {
  Blob,
  Char,
  Float,
  FnPtr,
  HostObject,
  Range,
  RhaiArray,
  RhaiMap,
  Timestamp,
  type Value,
} from "@blockvisor/rhai";

/** The type of a value as error texts name it. */
export function typeName(value: Value): string {
  switch (typeof value) {
    case "undefined":
      return "()";
    case "boolean":
      return "bool";
    case "number":
    case "bigint":
      return "i64";
    case "string":
      return "string";
    default:
      return objectTypeName(value);
  }
}

function objectTypeName(value: Exclude<Value, undefined | boolean | number | bigint | string>): string {
  if (value instanceof Float) return "f64";
  if (value instanceof Char) return "char";
  if (value instanceof RhaiArray) return "array";
  if (value instanceof RhaiMap) return "map";
  if (value instanceof Blob) return "blob";
  if (value instanceof FnPtr) return "Fn";
  if (value instanceof Timestamp) return "timestamp";
  if (value instanceof Range) return "range";
  if (value instanceof HostObject) return value.typeName;
  return "iterator";
}
