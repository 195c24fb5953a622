import { type Arguments, attribute, compare } from "./arguments.ts";
import { equal, isList, isMap, isNumber, kindOf, printed, toJson, type Value, type ValueMap } from "./value.ts";

/** A filter gets the value on its left and its own arguments. The table follows Tera 1.20. (babel-agent §2.4) */
export type Filter = (value: Value, args: Arguments) => Value;

/** Filters that `safe` and `default` belong to are part of the renderer: they are about escaping and undefined values. */
export const FILTERS: Readonly<Record<string, Filter>> = {
  lower: (value, args) => text(value, args).toLowerCase(),
  upper: (value, args) => text(value, args).toUpperCase(),
  wordcount: (value, args) => text(value, args).split(/\s+/).filter(Boolean).length,
  capitalize: (value, args) => {
    const [first = "", ...rest] = text(value, args);
    return first.toUpperCase() + rest.join("").toLowerCase();
  },
  title: (value, args) =>
    text(value, args).replace(
      /\p{L}[\p{L}\p{N}'’]*/gu,
      (word) => word.slice(0, 1).toUpperCase() + word.slice(1).toLowerCase(),
    ),
  replace: (value, args) => text(value, args).replaceAll(args.string("from"), () => args.string("to")),
  addslashes: (value, args) => text(value, args).replace(/[\\"']/g, "\\$&"),
  trim: (value, args) => text(value, args).trim(),
  trim_start: (value, args) => text(value, args).trimStart(),
  trim_end: (value, args) => text(value, args).trimEnd(),
  trim_start_matches: (value, args) => {
    const pattern = nonEmpty(args.string("pat"), args);
    let rest = text(value, args);
    while (rest.startsWith(pattern)) rest = rest.slice(pattern.length);
    return rest;
  },
  trim_end_matches: (value, args) => {
    const pattern = nonEmpty(args.string("pat"), args);
    let rest = text(value, args);
    while (rest.endsWith(pattern)) rest = rest.slice(0, -pattern.length);
    return rest;
  },
  truncate: (value, args) => {
    const characters = [...text(value, args)];
    const length = args.integer("length", 255);
    return characters.length <= length
      ? characters.join("")
      : characters.slice(0, length).join("") + args.string("end", "…");
  },
  linebreaksbr: (value, args) => text(value, args).replace(/\r?\n/g, "<br>"),
  striptags: (value, args) => text(value, args).replace(/<!--[\s\S]*?-->|<[^>]*>/g, ""),
  spaceless: (value, args) => text(value, args).replace(/>\s+</g, "><"),
  indent: (value, args) => indent(text(value, args), args),
  escape: (value) => escapeHtml(printed(value)),
  escape_xml: (value) => escapeXml(printed(value)),
  split: (value, args) => text(value, args).split(args.string("pat")),

  first: (value, args) => list(value, args)[0] ?? "",
  last: (value, args) => list(value, args).at(-1) ?? "",
  nth: (value, args) => list(value, args)[args.integer("n")] ?? "",
  join: (value, args) => list(value, args).map(printed).join(args.string("sep", "")),
  length: (value, args) => {
    if (isList(value)) return value.length;
    return isMap(value) ? Object.keys(value).length : [...text(value, args)].length;
  },
  reverse: (value, args) => (isList(value) ? value.toReversed() : [...text(value, args)].reverse().join("")),
  sort: (value, args) => {
    const path = args.string("attribute", "");
    return list(value, args).toSorted((a, b) => {
      const [left, right] = path === "" ? [a, b] : [attribute(a, path), attribute(b, path)];
      if (left === undefined || right === undefined) return args.fail(`attribute '${path}' is missing in some item`);
      return compare(left, right) ?? args.fail(`cannot order ${kindOf(left)} and ${kindOf(right)}`);
    });
  },
  unique: (value, args) => {
    const path = args.string("attribute", "");
    const exact = args.boolean("case_sensitive", false);
    const seen = new Set<string>();
    return list(value, args).filter((item) => {
      const key = path === "" ? item : attribute(item, path);
      if (key === undefined) return false;
      const identity = toJson(typeof key === "string" && !exact ? key.toLowerCase() : key, false);
      return !seen.has(identity) && seen.add(identity);
    });
  },
  slice: (value, args) => {
    const items = list(value, args);
    const bound = (at: number): number => (at < 0 ? Math.max(0, items.length + at) : Math.min(at, items.length));
    return items.slice(bound(args.integer("start", 0)), bound(args.integer("end", items.length)));
  },
  group_by: (value, args) => {
    const path = args.string("attribute");
    const groups = new Map<string, Value[]>();
    for (const item of list(value, args)) {
      const key = attribute(item, path);
      if (key === undefined || key === null) continue;
      groups.set(printed(key), [...(groups.get(printed(key)) ?? []), item]);
    }
    return Object.fromEntries(groups);
  },
  filter: (value, args) => {
    const path = args.string("attribute");
    const wanted = args.get("value");
    return list(value, args).filter((item) => {
      const found = attribute(item, path) ?? null;
      return wanted === undefined || wanted === null ? found !== null : equal(found, wanted);
    });
  },
  map: (value, args) => {
    const path = args.string("attribute");
    return list(value, args).flatMap((item) => {
      const found = attribute(item, path);
      return found === undefined || found === null ? [] : [found];
    });
  },
  concat: (value, args) => {
    const more = args.required("with");
    return [...list(value, args), ...(isList(more) ? more : [more])];
  },
  get: (value, args) => {
    const key = args.string("key");
    const found = map(value, args)[key];
    return found ?? args.get("default") ?? args.fail(`there is no key '${key}'`);
  },

  pluralize: (value, args) =>
    Math.abs(Number(number(value, args))) === 1 ? args.string("singular", "") : args.string("plural", "s"),
  abs: (value, args) => {
    const given = number(value, args);
    return given < 0 ? -given : given;
  },
  round: (value, args) => round(number(value, args), args),
  int: (value, args) => toInteger(value, args),
  float: (value, args) => {
    if (isNumber(value)) return Number(value);
    const parsed = typeof value === "string" && value.trim() !== "" ? Number(value) : Number.NaN;
    return Number.isNaN(parsed) ? (args.get("default") ?? 0) : parsed;
  },
  json_encode: (value, args) => toJson(value, args.boolean("pretty", false)),
  as_str: (value) => printed(value),
};

export const escapeHtml = (given: string): string =>
  escapeXml(given).replaceAll("&apos;", "&#x27;").replaceAll("/", "&#x2F;");

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
};
const escapeXml = (given: string): string => given.replace(/[&<>"']/g, (character) => ENTITIES[character]!);

function text(value: Value, args: Arguments): string {
  return typeof value === "string" ? value : args.fail(`needs a string, not ${kindOf(value)}`);
}
function list(value: Value, args: Arguments): readonly Value[] {
  return isList(value) ? value : args.fail(`needs an array, not ${kindOf(value)}`);
}
function map(value: Value, args: Arguments): ValueMap {
  return isMap(value) ? value : args.fail(`needs an object, not ${kindOf(value)}`);
}
function number(value: Value, args: Arguments): number | bigint {
  return isNumber(value) ? value : args.fail(`needs a number, not ${kindOf(value)}`);
}
function nonEmpty(pattern: string, args: Arguments): string {
  return pattern === "" ? args.fail("argument 'pat' is empty") : pattern;
}

function indent(given: string, args: Arguments): string {
  const prefix = args.string("prefix", "    ");
  const first = args.boolean("first", false);
  const blank = args.boolean("blank", false);
  return given
    .split("\n")
    .map((line, index) => ((index > 0 || first) && (blank || line.trim() !== "") ? prefix + line : line))
    .join("\n");
}

function round(value: number | bigint, args: Arguments): Value {
  if (typeof value === "bigint") return value;
  const method = args.string("method", "common");
  const factor = 10 ** args.integer("precision", 0);
  const scaled = value * factor;
  switch (method) {
    case "common":
      // Half away from zero.
      return (Math.sign(scaled) * Math.round(Math.abs(scaled))) / factor;
    case "ceil":
      return Math.ceil(scaled) / factor;
    case "floor":
      return Math.floor(scaled) / factor;
    default:
      return args.fail(`unknown method '${method}'; there are common, ceil, floor`);
  }
}

function toInteger(value: Value, args: Arguments): Value {
  if (typeof value === "bigint") return value;
  if (typeof value === "number") return Math.trunc(value);
  const base = args.integer("base", 10);
  const digits = typeof value === "string" ? value.trim().replace(/^([+-]?)0[xob]/i, "$1") : "";
  const allowed = "0123456789abcdefghijklmnopqrstuvwxyz".slice(0, base);
  if (new RegExp(`^[+-]?[${allowed}]+$`, "i").test(digits)) return Number.parseInt(digits, base);
  // "3.7" is 3, as in the reference.
  if (base === 10 && /^[+-]?\d*\.\d+$/.test(digits)) return Math.trunc(Number(digits));
  return args.get("default") ?? 0;
}
