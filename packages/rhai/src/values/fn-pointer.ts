import type { Cell } from "./cell.ts";
import { HeapValue, Tag } from "./tag.ts";
import type { Value } from "./value.ts";

/** What a function pointer needs to know about the script function it is linked to. */
export interface ScriptFunctionLink {
  readonly name: string;
  readonly arity: number;
}

/** A function pointer: a name, or a link to a script function or closure together with the module it lives in. */
export class FnPtr extends HeapValue {
  readonly tag = Tag.Fn;
  readonly name: string;
  /** Leading arguments: captured cells first, then what `curry` added. */
  readonly curried: readonly (Value | Cell)[];
  readonly link: ScriptFunctionLink | null;
  /** The state of the module the function belongs to, opaque to everything but the runtime. */
  readonly home: unknown;
  constructor(name: string, curried: readonly (Value | Cell)[], link: ScriptFunctionLink | null, home: unknown) {
    super();
    this.name = name;
    this.curried = curried;
    this.link = link;
    this.home = home;
  }

  get isAnonymous(): boolean {
    return this.name.startsWith("anon$");
  }
}
