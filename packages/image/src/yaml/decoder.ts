import { type Document, isAlias, isMap, isScalar, isSeq, type Pair, type ParsedNode, type Scalar } from "yaml";
import type { Diagnostic, Range } from "../diagnostics/diagnostic.ts";
import type { Source } from "./source.ts";

export type YamlNode = ParsedNode;

/** An alias names its target again and again: a small file could otherwise stand for billions of nodes. */
const MOST_NODES = 200_000;

/** State of decoding one document: findings, and where each decoded value was written. */
export class Decoder {
  readonly source: Source;
  readonly diagnostics: Diagnostic[] = [];
  /** Path → range of the value. */
  readonly ranges = new Map<string, Range>();
  /** Path → range of the key that introduces the value. */
  readonly keyRanges = new Map<string, Range>();
  /** Paths whose value could not be decoded and is a stand-in. */
  readonly broken = new Set<string>();
  readonly #document: Document.Parsed;
  #nodes = 0;

  constructor(source: Source, document: Document.Parsed) {
    this.source = source;
    this.#document = document;
  }

  /** Follows aliases and remembers where the value of `path` is. */
  enter(node: YamlNode, path: string): YamlNode {
    if (++this.#nodes > MOST_NODES) throw new TooManyNodes();
    this.ranges.set(path, this.rangeOf(node));
    if (!isAlias(node)) return node;
    const target = node.resolve(this.#document) as YamlNode | undefined;
    // Unknown anchors were reported before decoding starts.
    return target && !isAlias(target) ? target : node;
  }

  rangeOf(node: YamlNode): Range {
    const [start, end] = node.range;
    const tag = node.tag;
    // The range of a node starts after its tag; an empty tagged node would have nothing to underline.
    if (tag?.startsWith("!")) {
      const at = this.source.text.lastIndexOf(tag, start);
      if (at !== -1 && this.source.text.slice(at + tag.length, start).trim() === "") {
        return this.source.range(at, start === end || !isScalar(node) ? at + tag.length : end);
      }
    }
    if (isMap(node) || isSeq(node)) return this.source.range(start, this.#endOfLine(start, end));
    return this.source.range(start, end);
  }

  keyRange(pair: Pair<YamlNode, YamlNode | null>): Range {
    return this.source.range(pair.key.range[0], pair.key.range[1]);
  }

  report(finding: Omit<Diagnostic, "file" | "range"> & { readonly range?: Range | undefined }): void {
    const path = finding.path;
    const range = finding.range ?? (path === undefined ? undefined : this.rangeAt(path));
    this.diagnostics.push({ ...finding, file: this.source.file, ...(range && { range }) } as Diagnostic);
  }

  /** Marks `path` as undecodable and says why. */
  fail(
    path: string,
    finding: Omit<Diagnostic, "file" | "range" | "severity" | "path"> & { readonly range?: Range | undefined },
  ): void {
    this.broken.add(path);
    this.report({ severity: "error", path, ...finding });
  }

  /** Where `path`, or else the closest thing around it, is written. */
  rangeAt(path: string): Range {
    for (let at = path; at !== ""; at = parentPath(at)) {
      const range = this.ranges.get(at) ?? this.keyRanges.get(at);
      if (range) return range;
    }
    return this.source.range(0, 0);
  }

  #endOfLine(start: number, end: number): number {
    const newline = this.source.text.indexOf("\n", start);
    return newline === -1 ? end : Math.min(end, newline);
  }
}

export class TooManyNodes extends Error {}

function parentPath(path: string): string {
  return path.replace(/(^|\.)[^.[\]]+$|\[\d+\]$/, "");
}

/** The four spellings of the core schema; a quoted one is text. */
export function isNull(node: YamlNode): boolean {
  return isScalar(node) && node.type === "PLAIN" && /^(?:null|Null|NULL|~)?$/.test(scalarText(node));
}

/** What the file says, not what a YAML schema would make of it (§3.1). */
export function scalarText(node: Scalar): string {
  return String(node.value ?? "");
}

export function describe(node: YamlNode): string {
  if (isMap(node)) return "a map";
  if (isSeq(node)) return "a list";
  if (isNull(node)) return "nothing";
  return isScalar(node) ? JSON.stringify(scalarText(node)) : "an alias";
}
