/** Small numbers that stand for the type of a value; native overloads are looked up by them. */
export const Tag = {
  Unit: 0,
  Bool: 1,
  Int: 2,
  Float: 3,
  Char: 4,
  String: 5,
  Array: 6,
  Map: 7,
  Blob: 8,
  Range: 9,
  RangeInclusive: 10,
  Fn: 11,
  Timestamp: 12,
  Iterator: 13,
  /** A value that carries a script-set `tag`; unwrapped before anything else looks at it. */
  Tagged: 14,
  /** Host types count up from here, in the order of their registration. */
  FirstHost: 16,
} as const;

export type Tag = number;

/**
 * Everything that is not a JavaScript primitive: the first field says what it is. The classes that scripts make most
 * of `declare` the fields their constructor sets: a plain field is written twice, first with `undefined`, which also
 * keeps the machine from storing a number as one.
 */
export abstract class HeapValue {
  abstract readonly tag: Tag;
}
