import { isMap, isScalar, isSeq } from "yaml";
import { didYouMean } from "../diagnostics/suggest.ts";
import { type Decoder, describe, isNull, scalarText, type YamlNode } from "./decoder.ts";
import { type JsonSchema, reference, type Shape } from "./shape.ts";

/** Any scalar, kept as its source text: `1.10` is `"1.10"`, `off` is `"off"`, `null` is `"null"` (§3.1). */
export function text(schema: JsonSchema = {}): Shape<string> {
  return {
    blank: "",
    schema: { type: ["string", "number", "boolean"], ...schema },
    decode(decoder, node, path) {
      if (!isScalar(node)) return wrongType(decoder, node, path, "text", "");
      const value = scalarText(node);
      if (value !== "" && isNull(node)) {
        decoder.report({
          code: "NIB108",
          severity: "warning",
          path,
          message: `${lastKey(path)} is the text "${value}", not an absent value`,
          help: `quote it if you mean the text, write "" for an empty text`,
        });
      }
      return value;
    },
  };
}

/** `null`, `~` and nothing become `null`. */
export function nullable<T>(inner: Shape<T>): Shape<T | null> {
  const schema = reference(inner);
  return {
    blank: null,
    schema: { anyOf: [schema, { type: "null" }] },
    parts: [inner],
    decode: (decoder, node, path) => (isNull(node) ? null : inner.decode(decoder, node, path)),
  };
}

const UNSIGNED = /^\+?(?:0|[1-9][0-9]*|0x[0-9a-fA-F]+|0o[0-7]+|0b[01]+)$/;

export function integer(minimum: number, maximum: number, schema: JsonSchema = {}): Shape<number> {
  return {
    blank: Math.max(0, minimum),
    schema: { type: "integer", minimum, maximum, ...schema },
    decode(decoder, node, path) {
      const blank = Math.max(0, minimum);
      if (!isScalar(node) || node.type !== "PLAIN") return wrongType(decoder, node, path, "an integer", blank);
      const source = scalarText(node);
      const negative = source.startsWith("-");
      const digits = negative ? source.slice(1) : source;
      if (!UNSIGNED.test(digits) || (negative && digits.startsWith("+"))) {
        return wrongType(decoder, node, path, minimum < 0 ? "an integer" : "an integer that is not negative", blank);
      }
      const magnitude = BigInt(digits.replace("+", ""));
      const value = negative ? -magnitude : magnitude;
      if (value < BigInt(minimum) || value > BigInt(maximum)) {
        return wrongType(decoder, node, path, `an integer from ${minimum} to ${maximum}`, blank);
      }
      return Number(value);
    },
  };
}

export function boolean(schema: JsonSchema = {}): Shape<boolean> {
  return {
    blank: false,
    schema: { type: "boolean", ...schema },
    decode(decoder, node, path) {
      if (isScalar(node) && node.type === "PLAIN") {
        const source = scalarText(node);
        if (/^(?:true|True|TRUE)$/.test(source)) return true;
        if (/^(?:false|False|FALSE)$/.test(source)) return false;
      }
      return wrongType(decoder, node, path, "true or false", false);
    },
  };
}

/** One of a few words, exact lower case; also accepted as a tag without content (`!public`). */
export function word<const W extends string>(words: readonly [W, ...W[]], schema: JsonSchema = {}): Shape<W> {
  const known = (candidate: string): W | undefined => words.find((one) => one === candidate);
  return {
    blank: words[0],
    schema: { enum: words, ...schema },
    decode(decoder, node, path) {
      const tag = isScalar(node) ? localTag(node) : undefined;
      const source = isScalar(node) ? (tag !== undefined && isNull(node) ? tag : scalarText(node)) : undefined;
      const value = source === undefined ? undefined : known(source);
      if (value !== undefined) return value;
      const meant = source === undefined ? undefined : didYouMean(source, words);
      decoder.fail(path, {
        code: "NIB103",
        message: `${lastKey(path)} must be one of ${words.map((one) => `\`${one}\``).join(", ")}, not ${describe(node)}`,
        ...(meant !== undefined && {
          help: `change to ${meant}`,
          fix: { title: `Change to ${meant}`, range: decoder.rangeOf(node), text: meant },
        }),
      });
      return words[0];
    },
  };
}

const UUID = /^(?:urn:uuid:)?(?:\{)?[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\}?$/i;

export function uuid(schema: JsonSchema = {}): Shape<string> {
  return {
    blank: "",
    schema: { type: "string", format: "uuid", ...schema },
    decode(decoder, node, path) {
      if (isScalar(node) && UUID.test(scalarText(node))) {
        const digits = scalarText(node)
          .toLowerCase()
          .replace(/^urn:uuid:|[^0-9a-f]/g, "")
          .replace(/[^0-9a-f]/g, "");
        return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
      }
      return wrongType(decoder, node, path, "a UUID", "");
    },
  };
}

/** The tag without its `!`, or undefined for none and for tags of YAML itself. */
export function localTag(node: YamlNode): string | undefined {
  return node.tag?.startsWith("!") ? node.tag.slice(1) : undefined;
}

export function wrongType<T>(decoder: Decoder, node: YamlNode, path: string, expected: string, blank: T): T {
  const quoted = isScalar(node) && node.type !== "PLAIN" && !isMap(node) && !isSeq(node);
  const unquotable =
    quoted && expected !== "text" && expected !== "a UUID" && /^(?:-?\d+|true|false)$/.test(scalarText(node));
  decoder.fail(path, {
    code: "NIB103",
    message: `${lastKey(path)} must be ${expected}, not ${describe(node)}${unquotable ? " in quotes" : ""}`,
    ...(unquotable && {
      help: "remove the quotes",
      fix: { title: "Remove the quotes", range: decoder.rangeOf(node), text: scalarText(node) },
    }),
  });
  return blank;
}

export function lastKey(path: string): string {
  return path === "" ? "the document" : (/[^.]+$/.exec(path)?.[0] ?? path);
}
