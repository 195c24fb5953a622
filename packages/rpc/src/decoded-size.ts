import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { WireType } from "@bufbuild/protobuf/wire";

/** The encoding is none that a sender of ours makes: it was cut, or says of a field what the contract does not. */
export class MalformedMessage extends Error {
  override readonly name = "MalformedMessage";
}

/**
 * Bytes of memory that a message takes once it is decoded, roughly and rather too many, found without making any of it: two bytes that were sent can
 * become an object of hundreds. What the contract does not know counts, too, as it takes time to pass over.
 *
 * Stricter than the decoder, which reads on where a field has another type than the contract says, or ends behind the message that it is in: what is
 * counted here is what the decoder finds.
 *
 * @param most counting ends above it
 * @throws MalformedMessage
 */
export function decodedSize(desc: DescMessage, encoded: Uint8Array, most: number): number {
  const walk = new Walk(encoded, most);
  walk.message(shapeOf(desc), encoded.length, 0);
  return walk.size;
}

/** A number, a flag, the place of a text in a list. */
const valueSize = 32;
/** Bytes are a view of the message as it was sent, which its receiver holds anyway: the view itself takes this. */
const viewSize = 128;
const deepest = 100;

interface FieldShape {
  readonly wireType: WireType;
  /** In lists of numbers: they may come as one field, too. */
  readonly packable: boolean;
  readonly content: "text" | "view" | "number" | MessageShape;
}

interface MessageShape {
  readonly size: number;
  readonly fields: ReadonlyMap<number, FieldShape>;
  /** The decoder does not pass over what it does not know in the entry of a map. */
  readonly isEntry: boolean;
}

class Walk {
  size = 0;
  readonly #bytes: Uint8Array;
  readonly #most: number;
  #at = 0;

  constructor(bytes: Uint8Array, most: number) {
    this.#bytes = bytes;
    this.#most = most;
  }

  message(shape: MessageShape, end: number, depth: number): void {
    if (depth > deepest) throw new MalformedMessage(`more than ${deepest} messages in each other`);
    this.size += shape.size;
    while (this.#at < end && this.size <= this.#most) {
      const tag = this.#varint(end);
      const wireType: WireType = tag & 7;
      const field = shape.fields.get(tag >>> 3);
      this.size += valueSize;
      if (field === undefined && shape.isEntry) throw new MalformedMessage("an entry with more than key and value");
      if (field === undefined) this.#pass(wireType, end);
      else this.#field(field, wireType, end, depth);
    }
  }

  #field({ wireType, packable, content }: FieldShape, given: WireType, end: number, depth: number): void {
    if (given !== wireType && !(packable && given === WireType.LengthDelimited)) {
      throw new MalformedMessage("a field has another type than the contract says");
    }
    if (given !== WireType.LengthDelimited) {
      this.#pass(given, end);
      return;
    }
    const fieldEnd = this.#length(end) + this.#at;
    if (typeof content === "object") {
      this.message(content, fieldEnd, depth + 1);
      return;
    }
    this.size += sizeOf(content, fieldEnd - this.#at);
    this.#at = fieldEnd;
  }

  #pass(wireType: WireType, end: number): void {
    if (wireType === WireType.Varint) this.#passVarint(end);
    else if (wireType === WireType.Bit64) this.#at += 8;
    else if (wireType === WireType.Bit32) this.#at += 4;
    else if (wireType === WireType.LengthDelimited) this.#at += this.#length(end);
    else throw new MalformedMessage("a field of an unknown type");
    if (this.#at > end) throw cut();
  }

  #passVarint(end: number): void {
    for (const first = this.#at; this.#at - first < 10; ) if (this.#byte(end) < 0x80) return;
    throw new MalformedMessage("a number is too long");
  }

  #length(end: number): number {
    const length = this.#varint(end);
    if (length > end - this.#at) throw cut();
    return length;
  }

  /** Of 32 bits, as tags and lengths are. */
  #varint(end: number): number {
    let value = 0;
    for (let factor = 1; factor <= 2 ** 28; factor *= 128) {
      const byte = this.#byte(end);
      value += (byte & 0x7f) * factor;
      if (byte < 0x80 && value <= 0xffff_ffff) return value;
    }
    throw new MalformedMessage("a number is too long");
  }

  #byte(end: number): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined || this.#at >= end) throw cut();
    this.#at += 1;
    return byte;
  }
}

function sizeOf(content: "text" | "view" | "number", length: number): number {
  // Characters of a text that is not Latin alone take two bytes; in a list, a number may be one byte.
  if (content === "text") return 2 * length;
  return content === "view" ? viewSize : valueSize * length;
}

const cut = (): MalformedMessage => new MalformedMessage("it was cut");

const shapes = new WeakMap<DescMessage, MessageShape>();

function shapeOf(desc: DescMessage): MessageShape {
  const known = shapes.get(desc);
  if (known !== undefined) return known;
  const fields = new Map<number, FieldShape>();
  const views = desc.fields.filter(({ scalar }) => scalar === ScalarType.BYTES).length;
  const shape = { size: 80 + 16 * desc.fields.length + viewSize * views, fields, isEntry: false };
  // A message may be in itself.
  shapes.set(desc, shape);
  for (const field of desc.fields) fields.set(field.number, fieldShape(field));
  return shape;
}

function fieldShape(field: DescField): FieldShape {
  if (field.fieldKind === "map") {
    const value = field.mapKind === "message" ? messageField(field.message) : scalarField(field.scalar);
    const fields = new Map([
      [1, scalarField(field.mapKey)],
      [2, value],
    ]);
    return { ...delimited, content: { size: 2 * valueSize, fields, isEntry: true } };
  }
  if (field.message !== undefined) return messageField(field.message);
  const shape = scalarField(field.scalar);
  return { ...shape, packable: field.fieldKind === "list" && shape.content === "number" };
}

const delimited = { wireType: WireType.LengthDelimited, packable: false };

const messageField = (desc: DescMessage): FieldShape => ({ ...delimited, content: shapeOf(desc) });

/** @param scalar undefined: an enum */
function scalarField(scalar: ScalarType | undefined): FieldShape {
  switch (scalar) {
    case ScalarType.STRING:
      return { ...delimited, content: "text" };
    case ScalarType.BYTES:
      return { ...delimited, content: "view" };
    case ScalarType.DOUBLE:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return { wireType: WireType.Bit64, packable: false, content: "number" };
    case ScalarType.FLOAT:
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return { wireType: WireType.Bit32, packable: false, content: "number" };
    default:
      return { wireType: WireType.Varint, packable: false, content: "number" };
  }
}
