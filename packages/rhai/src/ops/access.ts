import { arrayBounds, bitBounds, dotError, indexerUnavailable, mismatch, stringBounds } from "../errors/throwing.ts";
import { vm } from "../run/vm.ts";
import { codePointLength, isWide, sliceCodePoints, utf16Offset } from "../text/code-points.ts";
import { display } from "../text/format.ts";
import { RhaiArray } from "../values/array.ts";
import { Blob } from "../values/blob.ts";
import { Char, char, charOf } from "../values/char.ts";
import { unshare } from "../values/copy.ts";
import { HostObject } from "../values/host-object.ts";
import { clampToSafe, INT_MAX, type Int } from "../values/int.ts";
import { RhaiMap } from "../values/map.ts";
import { Range } from "../values/range.ts";
import { untag } from "../values/tagged.ts";
import { nativeTypeName, typeNameOf } from "../values/type-name.ts";
import type { Value } from "../values/value.ts";
import { getBit, getBits, setBit, setBits } from "./bits.ts";

const isInt = (value: Value): value is Int => typeof value === "number" || typeof value === "bigint";

/** `target[index]`, borrowed: the caller marks it shared when it keeps it. Raises without a place. */
export function getIndex(outer: Value, index: Value): Value {
  const target = untag(outer);
  if (target instanceof RhaiArray) {
    const { items } = target;
    if (typeof index === "number") {
      const at = index < 0 ? index + items.length : index;
      if (at >= 0 && at < items.length) return items[at];
    }
    if (isInt(index)) throw arrayBounds(index, items.length);
    throw wrongIndex(index, "i64");
  }
  if (target instanceof RhaiMap) {
    if (typeof index === "string") return target.get(index);
    throw wrongIndex(index, "string");
  }
  if (typeof target === "string") return stringIndex(target, index);
  if (target instanceof Blob) {
    if (!isInt(index)) throw wrongIndex(index, "i64");
    const at = index < 0 ? Number(index) + target.bytes.length : Number(index);
    if (at < 0 || at >= target.bytes.length) throw arrayBounds(index, target.bytes.length);
    return target.bytes[at]!;
  }
  if (isInt(target)) {
    if (isInt(index)) return getBit(target, index);
    if (index instanceof Range) return getBits(target, ...bitWindow(index));
    throw wrongIndex(index, "i64");
  }
  if (target instanceof HostObject) return vm.run.natives.hostIndex(target, index);
  throw indexerUnavailable(`${typeNameOf(outer)} [${typeNameOf(index)}]`);
}

function wrongIndex(index: Value, wanted: string) {
  return mismatch(nativeTypeName(index), wanted);
}

function stringIndex(text: string, index: Value): Value {
  if (isInt(index)) {
    const length = codePointLength(text);
    const at = index < 0 ? Number(index) + length : Number(index);
    if (at < 0 || at >= length) throw stringBounds(index, length);
    return isWide(text) ? charOf(text.slice(utf16Offset(text, at))) : char(text.charCodeAt(at));
  }
  if (index instanceof Range) {
    const [from, to] = textWindow(text, index);
    return sliceCodePoints(text, from, to);
  }
  throw wrongIndex(index, "i64");
}

/** Code point window of a range used as a string index: negative bounds count from the end. */
function textWindow(text: string, range: Range): [from: number, to: number] {
  const length = codePointLength(text);
  if (length === 0) return [0, 0];
  const from = clampToSafe(range.from);
  const start = from < 0 ? from + length : from;
  if (start < 0) throw stringBounds(range.from, length);
  const to = clampToSafe(range.to);
  let end = to < 0 ? Math.max(0, to + length) : Math.min(to, length);
  if (range.inclusive) end = to < 0 && end <= start ? 0 : Math.min(end + 1, length);
  return start >= length || end <= start ? [Math.min(start, length), Math.min(start, length)] : [start, end];
}

/** Bounds of a bit range: no negative ones; an open end is bit 64. */
function bitWindow(range: Range): [start: number, count: number] {
  const from = range.from;
  if (from < 0 || from >= 64) {
    if (from < 0 || (range.inclusive ? range.to >= from : range.to > from)) throw bitBounds(range.from);
  }
  const to = range.to === INT_MAX ? 64 : range.inclusive ? Number(range.to) + 1 : Number(range.to);
  if (range.to !== INT_MAX && (range.inclusive ? range.to > 63 : range.to > 64)) throw bitBounds(range.to);
  if (to <= Number(from)) return [0, 0];
  return [Number(from), to - Number(from)];
}

/** `target[index] = value`: the target afterwards. Containers that are not `shared` are changed in place. */
export function setIndex(outer: Value, index: Value, value: Value, shared: boolean): Value {
  const target = untag(outer);
  if (target instanceof RhaiArray) {
    if (!isInt(index)) throw wrongIndex(index, "i64");
    const { length } = target.items;
    const at = index < 0 ? Number(index) + length : Number(index);
    if (at < 0 || at >= length) throw arrayBounds(index, length);
    const array = shared || target.shared ? unshare(target) : target;
    array.items[at] = value;
    return array;
  }
  if (target instanceof RhaiMap) {
    if (typeof index !== "string") throw wrongIndex(index, "string");
    const map = shared || target.shared ? unshare(target) : target;
    map.set(index, value);
    return map;
  }
  if (target instanceof Blob) {
    if (!isInt(index)) throw wrongIndex(index, "i64");
    const { length } = target.bytes;
    const at = index < 0 ? Number(index) + length : Number(index);
    if (at < 0 || at >= length) throw arrayBounds(index, length);
    if (!isInt(value)) throw mismatch(typeNameOf(value), "INT");
    const blob = shared || target.shared ? unshare(target) : target;
    blob.bytes[at] = Number(BigInt.asUintN(8, BigInt(value)));
    return blob;
  }
  if (typeof target === "string") return setTextIndex(target, index, value);
  if (isInt(target)) {
    if (isInt(index)) {
      getBit(target, index);
      if (typeof value !== "boolean") throw mismatch(typeNameOf(value), "bool");
      return setBit(target, index, value);
    }
    if (index instanceof Range) {
      const [start, count] = bitWindow(index);
      if (!isInt(value)) throw mismatch(typeNameOf(value), "integer");
      return setBits(target, start, count, value);
    }
    throw wrongIndex(index, "i64");
  }
  if (target instanceof HostObject) {
    vm.run.natives.setHostIndex(target, index, value);
    return target;
  }
  throw indexerUnavailable(`${typeNameOf(outer)} [${typeNameOf(index)}] = ${typeNameOf(value)}`);
}

function setTextIndex(text: string, index: Value, value: Value): string {
  let from: number;
  let to: number;
  if (index instanceof Range) [from, to] = textWindow(text, index);
  else {
    if (!isInt(index)) throw wrongIndex(index, "i64");
    const length = codePointLength(text);
    from = index < 0 ? Number(index) + length : Number(index);
    if (from < 0 || from >= length) throw stringBounds(index, length);
    if (!(value instanceof Char)) throw mismatch(typeNameOf(value), "char");
    to = from + 1;
  }
  return text.slice(0, utf16Offset(text, from)) + display(value) + text.slice(utf16Offset(text, to));
}

/** `target.name`, borrowed. Raises without a place. */
export function getProperty(outer: Value, name: string): Value {
  const target = untag(outer);
  if (target instanceof RhaiMap) return target.get(name);
  const getter = vm.run.natives.getter(target, name);
  if (getter !== null) return getter(outer);
  throw dotError(`Unknown property '${name}' - a getter is not registered for type '${typeNameOf(outer)}'`);
}

/** `target.name = value`: the target afterwards. */
export function setProperty(outer: Value, name: string, value: Value, shared: boolean): Value {
  const target = untag(outer);
  if (target instanceof RhaiMap) {
    const map = shared || target.shared ? unshare(target) : target;
    map.set(name, value);
    return map;
  }
  const setter = vm.run.natives.setter(target, name, value);
  if (setter !== null) return setter(outer, value);
  throw dotError(
    `No writable property '${name}' - a setter is not registered for type '${typeNameOf(outer)}' to handle '${typeNameOf(value)}'`,
  );
}
