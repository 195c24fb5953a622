import type { ObjectFacts } from "./object-store.ts";

/** One page of ListObjectsV2. */
export interface S3Page {
  readonly objects: readonly ObjectFacts[];
  readonly prefixes: readonly string[];
  /** absent on the last page */
  readonly next?: string;
}

/** Reads the answer of ListObjectsV2, whose elements have a fixed form; archives' keys need no escapes but these. */
export function parseListing(xml: string): S3Page {
  const next = textOf(xml, "NextContinuationToken");
  return {
    objects: elements(xml, "Contents").map((element) => ({
      key: textOf(element, "Key") ?? "",
      size: Number(textOf(element, "Size")),
      modified: new Date(textOf(element, "LastModified") ?? 0),
    })),
    prefixes: elements(xml, "CommonPrefixes").map((element) => textOf(element, "Prefix") ?? ""),
    ...(next === undefined || textOf(xml, "IsTruncated") !== "true" ? {} : { next }),
  };
}

const elements = (xml: string, name: string) =>
  [...xml.matchAll(new RegExp(`<${name}>([\\s\\S]*?)</${name}>`, "g"))].map((match) => match[1] ?? "");

const entities: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

function textOf(xml: string, name: string): string | undefined {
  const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  return text?.replace(/&(#x?[0-9a-fA-F]+|\w+);/g, (whole, entity: string) => {
    if (!entity.startsWith("#")) return entities[entity] ?? whole;
    return String.fromCodePoint(entity[1] === "x" ? Number.parseInt(entity.slice(2), 16) : Number(entity.slice(1)));
  });
}
