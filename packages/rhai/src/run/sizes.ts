import { dataTooLarge } from "../errors/throwing.ts";
import { utf8Length } from "../text/code-points.ts";
import { RhaiArray } from "../values/array.ts";
import { Blob } from "../values/blob.ts";
import { RhaiMap } from "../values/map.ts";
import type { Value } from "../values/value.ts";
import { vm } from "./vm.ts";

/** Hard ceilings, whatever the host allows: one value must not take the process down. */
const LARGEST_TEXT = 1 << 28;
export const LARGEST_ARRAY = 1 << 27;

const ARRAY = "Size of array/BLOB";
const MAP = "Size of object map";
const TEXT = "Length of string";

export function checkTextSize(text: string): void {
  const limit = vm.stringSize;
  if (limit > 0 ? text.length * 3 > limit && utf8Length(text) > limit : text.length > LARGEST_TEXT)
    throw dataTooLarge(TEXT);
}

/** Also for lengths that are only asked for. */
export function checkTextLength(length: number): void {
  if (length > (vm.stringSize > 0 ? vm.stringSize : LARGEST_TEXT)) throw dataTooLarge(TEXT);
}

export function checkArraySize(length: number): void {
  if (length > (vm.arraySize > 0 ? vm.arraySize : LARGEST_ARRAY)) throw dataTooLarge(ARRAY);
}

export function checkMapSize(size: number): void {
  if (vm.mapSize > 0 && size > vm.mapSize) throw dataTooLarge(MAP);
}

/** Checks a value that was just built or changed, counting nested elements as the reference does. */
export function checkSize(value: Value): void {
  if (typeof value === "string") checkTextSize(value);
  else if (value instanceof RhaiArray || value instanceof RhaiMap || value instanceof Blob) {
    if (vm.arraySize === 0 && vm.mapSize === 0 && vm.stringSize === 0) return;
    const total = { arrays: 0, maps: 0, text: 0 };
    measure(value, total, 0);
    if (vm.arraySize > 0 && total.arrays > vm.arraySize) throw dataTooLarge(ARRAY);
    if (vm.mapSize > 0 && total.maps > vm.mapSize) throw dataTooLarge(MAP);
    if (vm.stringSize > 0 && total.text > vm.stringSize) throw dataTooLarge(TEXT);
  }
}

interface Total {
  arrays: number;
  maps: number;
  text: number;
}

function measure(value: Value, total: Total, depth: number): void {
  if (depth > 500) return;
  if (typeof value === "string") total.text = Math.max(total.text, value.length);
  else if (value instanceof RhaiArray) {
    total.arrays += value.items.length;
    for (const item of value.items) measure(item, total, depth + 1);
  } else if (value instanceof RhaiMap) {
    total.maps += value.size;
    for (const key of value.keys()) measure(value.get(key), total, depth + 1);
  } else if (value instanceof Blob) total.arrays += value.bytes.length;
}
