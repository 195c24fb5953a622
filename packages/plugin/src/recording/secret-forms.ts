import { isUtf8 } from "node:buffer";
import { percentEncode } from "../bindings/http-request.ts";
import { sanitizeShParam, shellQuote, UnsafeParam } from "../bindings/shell-quote.ts";

/** Digits of base64 that something else surrounds: fewer would be found by chance. */
const FEWEST_DIGITS = 8;

/**
 * How a secret can appear in a text: as it is, as the functions of the plugin API write it (url_encode, shell_quote, sanitize_sh_param,
 * base64_encode, JSON), and as other programs do in what they print.
 */
export function formsOf(value: Uint8Array): ReadonlySet<string> {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  const forms = new Set(inDigits(bytes));
  if (!isUtf8(bytes)) return forms;
  const text = bytes.toString();
  for (const each of new Set([text, text.trim()])) {
    if (each === "") continue;
    for (const form of [...inJson(each), ...inAddress(each), ...inMarkup(each), ...inDigits(Buffer.from(each))])
      forms.add(form);
    // What is quoted for a shell may be JSON, and a script may be a text in JSON.
    for (const quoted of [each, jsonOf(each)].flatMap(inShell)) forms.add(quoted).add(jsonOf(quoted));
  }
  return forms;
}

const jsonOf = (text: string): string => JSON.stringify(text).slice(1, -1);

/** As it is, and as JSON of JavaScript, Python, Go, PHP and .NET has it. */
function inJson(text: string): readonly string[] {
  const json = jsonOf(text);
  const escaped = (pattern: RegExp): readonly string[] => {
    const lower = json.replace(pattern, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
    return [lower, lower.replace(/\\u[\da-f]{4}/g, (code) => `\\u${code.slice(2).toUpperCase()}`)];
  };
  // JSON in a text of JSON, too.
  const written = [text, json, jsonOf(json), json.replaceAll("/", "\\/")];
  return [...written, ...[/[^ -~]/g, /[<>&\u2028\u2029]/g, /[^ -~]|[<>&'+]/g].flatMap(escaped)];
}

/** As a part of a path, of a query, of a form, and of an address that a program corrected. */
function inAddress(text: string): readonly string[] {
  const form = new URLSearchParams([["", text]]).toString().slice(1);
  const written = [percentEncode(text), encodeURIComponent(text), form, encodeURI(text)];
  return written.flatMap((each) => [each, each.replace(/%[\dA-F]{2}/g, (digits) => digits.toLowerCase())]);
}

function inShell(text: string): readonly string[] {
  const quoted = shellQuote(text).slice(1, -1);
  try {
    return [quoted, sanitizeShParam(text).slice(1, -1)];
  } catch (error) {
    if (error instanceof UnsafeParam) return [quoted];
    throw error;
  }
}

/** As HTML and XML have it. */
function inMarkup(text: string): readonly string[] {
  const plain = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const double = ['"', "&quot;", "&#34;"];
  const single = ["'", "&#39;", "&#x27;", "&apos;"];
  return double.flatMap((a) => single.map((b) => plain.replaceAll('"', a).replaceAll("'", b)));
}

function inDigits(bytes: Buffer): readonly string[] {
  if (bytes.length === 0) return [];
  const hex = bytes.toString("hex");
  const base64 = [0, 1, 2]
    .map((offset) => base64Within(bytes, offset))
    .filter((inner) => inner.length >= FEWEST_DIGITS)
    .flatMap((inner) => [inner, inner.replaceAll("+", "-").replaceAll("/", "_")]);
  return [hex, hex.toUpperCase(), bytes.toString("base64"), bytes.toString("base64url"), ...base64];
}

/** The digits that the bytes alone decide, where `offset` bytes of something else come before them, as in `user:password`. */
function base64Within(bytes: Buffer, offset: number): string {
  const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString("base64");
  return text.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6));
}
