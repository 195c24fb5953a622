import { isMap, isScalar, isSeq, type Pair } from "yaml";
import { didYouMean } from "../diagnostics/suggest.ts";
import { type Decoder, isNull, scalarText, type YamlNode } from "./decoder.ts";
import { lastKey, localTag, wrongType } from "./scalars.ts";
import { type JsonSchema, reference, type Shape } from "./shape.ts";

export function list<T>(items: Shape<T>, schema: JsonSchema = {}): Shape<readonly T[]> {
  return {
    blank: [],
    schema: { type: "array", items: reference(items), ...schema },
    parts: [items],
    decode(decoder, node, path) {
      if (!isSeq(node)) return wrongType(decoder, node, path, "a list", []);
      return node.items.map((item, index) => {
        const at = `${path}[${index}]`;
        return items.decode(decoder, decoder.enter(item as YamlNode, at), at);
      });
    },
  };
}

export interface Field<T> {
  readonly yaml: string;
  readonly shape: Shape<T>;
  /** Value when the key is not there; without it the key is required. */
  readonly absent?: { readonly value: T };
  readonly doc: string;
  readonly examples?: readonly unknown[];
}

export interface RecordOptions {
  readonly definition?: string;
  readonly doc: string;
  /** Keys of former versions → what to do today. */
  readonly legacy?: Readonly<Record<string, string>>;
  /** `x-…` keys may hold anchors. */
  readonly helperKeys?: boolean;
  /** What nothing (`null`) stands for, where a map may be left out. */
  readonly allowNull?: boolean;
}

/** A map with known keys. Unknown ones are ignored, with a warning. */
export function record<T>(fields: { readonly [K in keyof T]: Field<T[K]> }, options: RecordOptions): Shape<T> {
  const names = Object.keys(fields) as (keyof T & string)[];
  const byYaml = new Map(names.map((name) => [fields[name].yaml, name]));
  const blank = Object.fromEntries(
    names.map((name) => [name, fields[name].absent?.value ?? fields[name].shape.blank]),
  ) as T;
  return {
    blank,
    schema: recordSchema(
      names.map((name) => fields[name]),
      options,
    ),
    parts: names.map((name) => fields[name].shape),
    ...(options.definition !== undefined && { definition: options.definition }),
    decode(decoder, node, path) {
      if (!isMap(node)) {
        if (options.allowNull && isNull(node)) return blank;
        return wrongType(decoder, node, path, "a map", blank);
      }
      const given = new Map<string, Pair<YamlNode, YamlNode | null>>();
      for (const pair of node.items as Pair<YamlNode, YamlNode | null>[]) {
        const key = isScalar(pair.key) ? scalarText(pair.key) : undefined;
        if (key !== undefined && byYaml.has(key)) given.set(key, pair);
        else reportUnknown(decoder, pair, key, path, [...byYaml.keys()], options);
      }
      const decodeField = <K extends keyof T & string>(name: K): T[K] => {
        const field = fields[name];
        const at = path === "" ? field.yaml : `${path}.${field.yaml}`;
        const pair = given.get(field.yaml);
        if (pair?.value) {
          decoder.keyRanges.set(at, decoder.keyRange(pair));
          return field.shape.decode(decoder, decoder.enter(pair.value, at), at);
        }
        if (field.absent) return field.absent.value;
        decoder.fail(at, {
          code: "NIB102",
          message: `${path === "" ? "the file" : path} lacks \`${field.yaml}\``,
          range: decoder.rangeAt(path),
          help: `${field.yaml}: ${field.doc}`,
        });
        return field.shape.blank;
      };
      return Object.fromEntries(names.map((name) => [name, decodeField(name)])) as T;
    },
  };
}

function reportUnknown(
  decoder: Decoder,
  pair: Pair<YamlNode, YamlNode | null>,
  key: string | undefined,
  path: string,
  known: readonly string[],
  options: RecordOptions,
): void {
  const range = decoder.keyRange(pair);
  const where = path === "" ? {} : { path };
  if (key === undefined) {
    decoder.report({ code: "NIB103", severity: "error", message: "a key must be text", range, ...where });
    return;
  }
  if (key === "<<") {
    decoder.report({
      code: "NIB105",
      severity: "warning",
      message: "merge keys are not applied",
      range,
      ...where,
      help: "repeat the fields, or put an alias where the whole value goes",
    });
    return;
  }
  if (options.helperKeys && (key.startsWith("x-") || pair.value?.anchor !== undefined)) return;
  const legacy = options.legacy?.[key];
  if (legacy !== undefined) {
    decoder.report({
      code: "NIB104",
      severity: "info",
      message: `\`${key}\` is ignored today`,
      range,
      ...where,
      help: legacy,
    });
    return;
  }
  const meant = didYouMean(key, known);
  decoder.report({
    code: "NIB104",
    severity: "warning",
    message: `\`${key}\` is not a field of ${path === "" ? "this file" : lastKey(path)} and is ignored`,
    range,
    ...where,
    help: meant === undefined ? `known fields: ${known.join(", ")}` : `did you mean \`${meant}\`?`,
    ...(meant !== undefined && { fix: { title: `Rename to ${meant}`, range, text: meant } }),
  });
}

function recordSchema(fields: readonly Field<unknown>[], options: RecordOptions): JsonSchema {
  const properties = Object.fromEntries(
    fields.map((field) => [
      field.yaml,
      {
        ...reference(field.shape),
        description: field.doc,
        ...(field.absent && field.absent.value !== null && { default: field.absent.value }),
        ...(field.examples && { examples: field.examples }),
      },
    ]),
  );
  const legacy = Object.fromEntries(
    Object.entries(options.legacy ?? {}).map(([key, doc]) => [key, { deprecated: true, description: doc }]),
  );
  return {
    type: options.allowNull ? ["object", "null"] : "object",
    description: options.doc,
    additionalProperties: false,
    ...(options.helperKeys && { patternProperties: { "^x-": true } }),
    required: fields.filter((field) => !field.absent).map((field) => field.yaml),
    properties: { ...properties, ...legacy },
  };
}

/** A value selected by its YAML tag. `content` decodes what stands behind the tag. */
export interface Tagged<T> {
  readonly tag: string;
  readonly content: Shape<T>;
  /** Also accepted as a plain word without `!`. */
  readonly bare?: boolean;
}

/** A union selected by tags (`!text`, `!switch`, …); map forms and bare words are refused unless a variant says otherwise. */
export function tagged<T>(
  variants: readonly [Tagged<T>, ...Tagged<T>[]],
  options: { readonly legacy?: Readonly<Record<string, string>> } = {},
): Shape<T> {
  const tags = variants.map((variant) => `!${variant.tag}`);
  return {
    blank: variants[0].content.blank,
    schema: { anyOf: variants.map((variant) => reference(variant.content)) },
    parts: variants.map((variant) => variant.content),
    decode(decoder, node, path) {
      const tag = localTag(node);
      const found = variants.find((variant) => variant.tag === tag);
      if (found) return found.content.decode(decoder, node, path);
      const written = isScalar(node) ? scalarText(node) : undefined;
      const bare = variants.find((variant) => variant.bare && tag === undefined && variant.tag === written);
      if (bare) return bare.content.blank;
      const renamed = tag === undefined ? undefined : options.legacy?.[tag];
      const meant =
        renamed ??
        didYouMean(
          tag ?? written ?? "",
          variants.map((variant) => variant.tag),
        );
      decoder.fail(path, {
        code: "NIB106",
        message: `${lastKey(path)} needs one of the tags ${tags.join(", ")}${tag === undefined ? "" : `, not !${tag}`}`,
        help: meant === undefined ? `for example: ${lastKey(path)}: ${tags[0]}` : `write !${meant}`,
      });
      return variants[0].content.blank;
    },
  };
}

/** Turns the decoded value into another. */
export function mapped<A, B>(inner: Shape<A>, convert: (value: A) => B): Shape<B> {
  return {
    blank: convert(inner.blank),
    schema: inner.schema,
    ...(inner.definition !== undefined && { definition: inner.definition }),
    ...(inner.parts && { parts: inner.parts }),
    decode: (decoder, node, path) => convert(inner.decode(decoder, node, path)),
  };
}

/** Nothing may stand behind the tag. */
export function nothing<T>(value: T): Shape<T> {
  return {
    blank: value,
    schema: { type: ["null", "string"] },
    decode: (decoder, node, path) => (isNull(node) ? value : wrongType(decoder, node, path, "empty", value)),
  };
}
