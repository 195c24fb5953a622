import { formsOf } from "./secret-forms.ts";

/** Shorter values are found as whole words only: as parts of words they would be anywhere by chance. */
const SHORT = 8;

/** What stands for text that looks like a credential, though nobody said that it is one. */
const HIDDEN = "***";

const SENSITIVE = /auth|cookie|token|secret|passw|api-?key|signature/i;

/** Credentials by their looks. Each pattern takes linear time: what it is given comes out of a container. */
const LOOKS: readonly (readonly [pattern: RegExp, replacement: string])[] = [
  [/-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|$)/g, HIDDEN],
  // JSON web tokens.
  [/(?<![\w-])eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]+/g, HIDDEN],
  [
    /\b(authorization["'\\]{0,4}\s{0,4}[:=]\s{0,4}["'\\]{0,4}(?:(?:basic|bearer|token) )?)[^\s"'\\,;]+/gi,
    `$1${HIDDEN}`,
  ],
  [/\b([a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/@:"']*:[^\s/@"']*@/gi, `$1${HIDDEN}@`],
];

interface Form {
  readonly text: string;
  readonly placeholder: string;
  readonly whole: boolean;
}

/** What a secret is called wherever it appeared. */
export const secretPlaceholder = (key: string): string => `REDACTED_SECRET_${plain(key)}`;
export const paramPlaceholder = (key: string): string => `REDACTED_PARAM_${plain(key)}`;

/** Characters that are the same in an address, in JSON and for a shell. */
const plain = (key: string): string => key.replaceAll(/[^\w.-]/g, "_");

/** A secret, and what is to stand in its place. */
export type Secret = readonly [placeholder: string, value: Uint8Array];

/** Takes secrets out of texts: their values in all their forms (`secret-forms.ts`), and what looks like credentials. */
export class Redaction {
  /** The longest first, as a short one may be a part of it. */
  readonly #forms: readonly Form[];
  readonly #secrets: readonly Secret[];

  constructor(secrets: Iterable<Secret>) {
    this.#secrets = [...secrets].filter(([, value]) => value.length > 0);
    const forms = new Map<string, Form>();
    for (const [placeholder, value] of this.#secrets) {
      for (const text of formsOf(value)) {
        // Of secrets with the same value the first gives the name.
        if (!forms.has(text)) forms.set(text, { text, placeholder, whole: text.length < SHORT });
      }
    }
    this.#forms = [...forms.values()].sort((a, b) => b.text.length - a.text.length);
  }

  text(text: string): string {
    let pieces: readonly Piece[] = [{ text, done: false }];
    for (const form of this.#forms) {
      if (!text.includes(form.text)) continue;
      pieces = pieces.flatMap((piece) => (piece.done ? [piece] : cut(piece.text, form)));
    }
    const found = pieces.map((piece) => piece.text).join("");
    return LOOKS.reduce((rest, [pattern, replacement]) => rest.replace(pattern, replacement), found);
  }

  header([name, value]: readonly [name: string, value: string]): readonly [string, string] {
    return [this.text(name), SENSITIVE.test(name) ? HIDDEN : this.text(value)];
  }

  address(url: string): string {
    return this.text(url).replace(/([?&])([^=&#]+)=([^&#]*)/g, (whole, mark: string, name: string) =>
      SENSITIVE.test(name) || /^(?:key|sig)$/i.test(name) ? `${mark}${name}=${HIDDEN}` : whole,
    );
  }

  /** Bytes that are no text cannot be redacted, only left out. */
  isIn(bytes: Uint8Array): boolean {
    const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return (
      this.#secrets.some(([, value]) => content.includes(Buffer.from(value))) ||
      this.#forms.some(({ text, whole }) => !whole && content.includes(text))
    );
  }

  /** All texts in plain data, keys too. */
  data<T>(value: T): T {
    return this.#data(value) as T;
  }

  #data(value: unknown): unknown {
    if (typeof value === "string") return this.text(value);
    if (Array.isArray(value)) return value.map((one) => this.#data(one));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [this.text(key), this.#data(one)]));
  }
}

interface Piece {
  readonly text: string;
  /** A placeholder, in which nothing is looked for. */
  readonly done: boolean;
}

function cut(text: string, { text: value, placeholder, whole }: Form): readonly Piece[] {
  const pieces: Piece[] = [];
  let start = 0;
  for (let at = text.indexOf(value); at !== -1; at = text.indexOf(value, at)) {
    const end = at + value.length;
    if (whole && (isWord(text[at - 1]) || isWord(text[end]))) {
      at += 1;
      continue;
    }
    pieces.push({ text: text.slice(start, at), done: false }, { text: placeholder, done: true });
    start = end;
    at = end;
  }
  return [...pieces, { text: text.slice(start), done: false }];
}

const isWord = (character: string | undefined): boolean => character !== undefined && /\w/.test(character);
