type Init = Iterable<readonly [string, string]> | Readonly<Record<string, string>>;

/**
 * Stands in for the global of that name in the snapshot: the part of the Fetch standard that the RPC library uses. Node's own brings the whole of
 * fetch along, and libraries the collation of ICU, which would take babel longer to load than everything else together.
 * Names are in lower case and sorted, values of one name joined by commas, but for set-cookie.
 */
export class Headers implements Iterable<[string, string]> {
  readonly #values = new Map<string, string[]>();

  constructor(init?: Init) {
    if (init === undefined) return;
    const entries = Symbol.iterator in init ? init : Object.entries(init);
    for (const [name, value] of entries) this.append(name, value);
  }

  append(name: string, value: string): void {
    const key = keyOf(name);
    const values = this.#values.get(key);
    if (values === undefined) this.#values.set(key, [checked(value)]);
    else values.push(checked(value));
  }

  set(name: string, value: string): void {
    this.#values.set(keyOf(name), [checked(value)]);
  }

  delete(name: string): void {
    this.#values.delete(keyOf(name));
  }

  has(name: string): boolean {
    return this.#values.has(keyOf(name));
  }

  get(name: string): string | null {
    return this.#values.get(keyOf(name))?.join(", ") ?? null;
  }

  getSetCookie(): string[] {
    return [...(this.#values.get("set-cookie") ?? [])];
  }

  forEach(each: (value: string, name: string, headers: Headers) => void): void {
    for (const [name, value] of this) each(value, name, this);
  }

  *entries(): Generator<[string, string]> {
    for (const name of [...this.#values.keys()].sort()) {
      const values = this.#values.get(name) ?? [];
      for (const value of name === "set-cookie" ? values : [values.join(", ")]) yield [name, value];
    }
  }

  *keys(): Generator<string> {
    for (const [name] of this) yield name;
  }

  *values(): Generator<string> {
    for (const [, value] of this) yield value;
  }

  [Symbol.iterator](): Generator<[string, string]> {
    return this.entries();
  }
}

function keyOf(name: string): string {
  if (/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)) return name.toLowerCase();
  throw new TypeError(`'${name}' is no header name`);
}

function checked(value: string): string {
  const text = String(value).trim();
  if (/[\0\r\n]/.test(text)) throw new TypeError("a header value has a line break");
  return text;
}
