import type { Decoder, YamlNode } from "./decoder.ts";

export type JsonSchema = { readonly [key: string]: unknown };

/**
 * One piece of a YAML model: how a node becomes a value, and the JSON Schema that says the same to editors.
 * A node that does not fit is reported, and `blank` stands in so that everything else can still be checked.
 */
export interface Shape<T> {
  readonly decode: (decoder: Decoder, node: YamlNode, path: string) => T;
  readonly blank: T;
  readonly schema: JsonSchema;
  /** Named records end up in `$defs`. */
  readonly definition?: string;
  /** Shapes inside, for collecting definitions. */
  readonly parts?: readonly Shape<unknown>[];
}

/** The complete schema of a root shape (draft 2020-12). */
export function jsonSchema(root: Shape<unknown>, header: JsonSchema): JsonSchema {
  const definitions: Record<string, JsonSchema> = {};
  const collect = (shape: Shape<unknown>): void => {
    if (shape.definition !== undefined) {
      if (definitions[shape.definition]) return;
      definitions[shape.definition] = shape.schema;
    }
    for (const part of shape.parts ?? []) collect(part);
  };
  for (const part of root.parts ?? []) collect(part);
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    ...header,
    ...root.schema,
    $defs: definitions,
  };
}

export function reference(shape: Shape<unknown>): JsonSchema {
  return shape.definition === undefined ? shape.schema : { $ref: `#/$defs/${shape.definition}` };
}
