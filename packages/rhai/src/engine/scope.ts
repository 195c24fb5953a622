import { Cell } from "../values/cell.ts";
import type { Value } from "../values/value.ts";

/** One variable of a scope. Variables that a closure captured hold their cell. */
export interface ScopeEntry {
  readonly name: string;
  value: Value | Cell;
  readonly isConstant: boolean;
}

const plain = (value: Value | Cell | undefined): Value => (value instanceof Cell ? value.value : value);

/** Variables that the host shares with a script's top level. Later entries shadow earlier ones of the same name. */
export class Scope {
  private readonly entries: ScopeEntry[] = [];

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
    return this.entry(name) !== undefined;
  }

  get(name: string): Value {
    return plain(this.entry(name)?.value);
  }

  /** Changes the newest variable of that name, or adds one. */
  set(name: string, value: Value): this {
    const entry = this.entry(name);
    if (entry === undefined) return this.push(name, value);
    if (entry.value instanceof Cell) entry.value.value = value;
    else entry.value = value;
    return this;
  }

  isConstant(name: string): boolean {
    return this.entry(name)?.isConstant ?? false;
  }

  /** Drops everything pushed after the scope had that size. */
  rewind(size: number): this {
    this.entries.length = Math.min(size, this.entries.length);
    return this;
  }

  *[Symbol.iterator](): Iterator<readonly [name: string, value: Value, isConstant: boolean]> {
    for (const entry of this.entries) yield [entry.name, plain(entry.value), entry.isConstant];
  }

  /** The newest variable of that name, for the machine. */
  entry(name: string): ScopeEntry | undefined {
    return this.entries.findLast((entry) => entry.name === name);
  }

  /** Adds a variable that closures may share. */
  pushEntry(entry: ScopeEntry): void {
    this.entries.push(entry);
  }
}
