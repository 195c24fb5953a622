import { isAlias, parseDocument, visit, type YAMLParseError } from "yaml";
import type { Diagnostic, Range } from "../diagnostics/diagnostic.ts";
import { Decoder, TooManyNodes, type YamlNode } from "./decoder.ts";
import type { Shape } from "./shape.ts";
import { Source } from "./source.ts";

/** Larger metadata files are refused: the biggest known is 2 kB. */
const LARGEST_FILE = 1024 * 1024;

/** What came out of a YAML file. `value` is there unless something could not be decoded. */
export interface Parsed<T> {
  readonly value: T | undefined;
  /** The value with stand-ins for what could not be decoded, so that rules can still look at the rest. */
  readonly draft: T | undefined;
  readonly source: Source;
  readonly diagnostics: readonly Diagnostic[];
  /** Where the value at a path like `variants[0].key`, or the closest thing around it, is written. */
  readonly rangeAt: (path: string) => Range;
  /** True when `path` or something around or inside it could not be decoded. */
  readonly isBroken: (path: string) => boolean;
}

export function parseYaml<T>(file: string, content: string, shape: Shape<T>, whenEmpty?: T): Parsed<T> {
  const source = new Source(file, content);
  const failed = (diagnostics: readonly Diagnostic[]): Parsed<T> => ({
    value: undefined,
    draft: undefined,
    source,
    diagnostics,
    rangeAt: () => source.range(0, 0),
    isBroken: () => true,
  });
  const finding = (message: string, start: number, end: number, code = "NIB101"): Diagnostic => ({
    code,
    severity: "error",
    message,
    file,
    range: source.range(start, end),
  });
  if (content.length > LARGEST_FILE) return failed([finding(`the file is larger than ${LARGEST_FILE} bytes`, 0, 0)]);
  if (content.startsWith("\ufeff"))
    return failed([finding("the file starts with a byte-order mark; save it without", 0, 1)]);

  // The failsafe schema leaves every scalar as the text in the file; this model gives meaning to it.
  const document = parseDocument(content, {
    schema: "failsafe",
    version: "1.2",
    prettyErrors: false,
    merge: false,
    logLevel: "error",
  });
  const syntax = document.errors.map((error) =>
    finding(syntaxMessage(error), ...error.pos, error.code === "DUPLICATE_KEY" ? "NIB107" : "NIB101"),
  );
  visit(document, {
    Alias(_, alias) {
      const target = alias.resolve(document);
      if (!target || isAlias(target))
        syntax.push(finding(`no anchor \`&${alias.source}\` before this alias`, ...offsets(alias.range)));
    },
  });
  if (syntax.length > 0) return failed(syntax);

  const root = document.contents as YamlNode | null;
  const decoder = new Decoder(source, document);
  if (root === null && whenEmpty !== undefined) {
    return {
      value: whenEmpty,
      draft: whenEmpty,
      source,
      diagnostics: [],
      rangeAt: () => source.range(0, 0),
      isBroken: () => false,
    };
  }
  if (root === null) return failed([finding("the file is empty", 0, 0, "NIB102")]);
  try {
    const draft = shape.decode(decoder, decoder.enter(root, ""), "");
    const broken = [...decoder.broken];
    const failures = decoder.diagnostics.some((one) => one.severity === "error");
    return {
      value: failures ? undefined : draft,
      draft,
      source,
      diagnostics: decoder.diagnostics,
      rangeAt: (path) => decoder.rangeAt(path),
      isBroken: (path) => broken.some((one) => contains(one, path) || contains(path, one)),
    };
  } catch (error) {
    if (error instanceof TooManyNodes)
      return failed([finding("the aliases of this file expand to too many values", 0, 0)]);
    throw error;
  }
}

/** True when `inner` is `outer` or lies inside it. */
function contains(outer: string, inner: string): boolean {
  return outer === "" || (inner.startsWith(outer) && /^(?:$|[.[])/.test(inner.slice(outer.length)));
}

function offsets(range: readonly number[] | null | undefined): [number, number] {
  return [range?.[0] ?? 0, range?.[1] ?? 0];
}

function syntaxMessage(error: YAMLParseError): string {
  if (error.code === "DUPLICATE_KEY") return "this key is already in the map";
  if (error.code === "MULTIPLE_DOCS") return "a second document starts here; the file must hold one";
  return /call stack/i.test(error.message) ? "the file is nested too deeply" : error.message;
}
