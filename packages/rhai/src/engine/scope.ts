import type { Value } from "../values/value.ts";

interface Entry {
  readonly name: string;
  value: Value;
  readonly isConstant: boolean;
}

/** Variables that the host shares with a script's top level. Later entries shadow earlier ones of the same name. */
export class Scope {
  private readonly entries: Entry[] = [];

  push(name: string, value: Value): this {
    this.entries.push({ name, value, isConstant: false });
    return this;
  }

  pushConstant(name: string, value: Value): this {
    this.entries.push({ name, value, isConstant: true });
    return this;
  }

  get size(): number {
    return this.entries.length;
  }

  has(name: string): boolean {
    return this.find(name) !== undefined;
  }

  get(name: string): Value {
    return this.find(name)?.value;
  }

  /** Changes the newest variable of that name, or adds one. */
  set(name: string, value: Value): this {
    const entry = this.find(name);
    if (entry === undefined) return this.push(name, value);
    entry.value = value;
    return this;
  }

  isConstant(name: string): boolean {
    return this.find(name)?.isConstant ?? false;
  }

  /** Drops everything pushed after the scope had that size. */
  rewind(size: number): this {
    this.entries.length = Math.min(size, this.entries.length);
    return this;
  }

  *[Symbol.iterator](): Iterator<readonly [name: string, value: Value, isConstant: boolean]> {
    for (const entry of this.entries) yield [entry.name, entry.value, entry.isConstant];
  }

  private find(name: string): Entry | undefined {
    return this.entries.findLast((entry) => entry.name === name);
  }
}
