import type { AssignOperator } from "../ast/node.ts";
import { functionNotFound } from "../errors/throwing.ts";
import { checkArraySize } from "../run/sizes.ts";
import { display } from "../text/format.ts";
import { utf8Encode } from "../text/utf8.ts";
import { RhaiArray } from "../values/array.ts";
import { Blob } from "../values/blob.ts";
import { Char } from "../values/char.ts";
import { unshare } from "../values/copy.ts";
import type { Int } from "../values/int.ts";
import { RhaiMap } from "../values/map.ts";
import { untag } from "../values/tagged.ts";
import type { Value } from "../values/value.ts";
import { type ArithmeticOperator, binary, joinBytes, mixin } from "./arithmetic.ts";

/**
 * `target op= value` (spec 4.3): the new value of the target. A container that is not `shared` is changed in place.
 * Raises without a place; errors of `op` itself, as in the reference.
 */
export function assignWith(op: AssignOperator, target: Value, value: Value, shared: boolean): Value {
  const left = untag(target);
  const right = untag(value);
  if (op === "+=") {
    if (left instanceof RhaiArray) {
      const array = shared || left.shared ? unshare(left) : left;
      if (right instanceof RhaiArray) {
        checkArraySize(array.items.length + right.items.length);
        const added = right === array ? right.items.slice() : right.items;
        for (const item of added) array.items.push(item);
        if (added.length > 0) markItemsShared(added);
      } else {
        checkArraySize(array.items.length + 1);
        array.items.push(right);
      }
      return array;
    }
    if (left instanceof RhaiMap && right instanceof RhaiMap) {
      const map = shared || left.shared ? unshare(left) : left;
      mixin(map, right);
      return map;
    }
    if (left instanceof Blob) {
      const added = blobTail(right);
      if (added !== null) return new Blob(joinBytes(left.bytes, added));
    }
    if (left instanceof Char && (right instanceof Char || typeof right === "string")) return left.text + display(right);
  } else if (op === "-=" && typeof left === "string" && !(typeof right === "string" || right instanceof Char)) {
    throw functionNotFound("-", [target, value]);
  }
  return binary(op.slice(0, -1) as ArithmeticOperator, target, value);
}

function blobTail(value: Value): Uint8Array | null {
  if (typeof value === "number" || typeof value === "bigint")
    return Uint8Array.of(Number(BigInt.asUintN(8, BigInt(value as Int))));
  if (value instanceof Blob) return value.bytes;
  if (value instanceof Char) return utf8Encode(value.text);
  return typeof value === "string" ? utf8Encode(value) : null;
}

function markItemsShared(items: readonly Value[]): void {
  for (const item of items) if (typeof item === "object" && "shared" in item) item.shared = true;
}
