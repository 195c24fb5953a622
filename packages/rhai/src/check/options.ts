import type { Program } from "../ast/node.ts";
import type { Engine } from "../engine/engine.ts";
import type { RuleCode } from "./rules.ts";

/** Functions by name and the numbers of arguments they take; `x.f(a)` counts as two. */
export type KnownFunctions = ReadonlyMap<string, ReadonlySet<number>>;

/** A module as `import` would find it, with the name it is looked up from; null when there is none. */
export type ModuleLookup = (
  path: string,
  importer: string,
) => { readonly name: string; readonly program: Program } | null;

export interface CheckOptions {
  /** The engine the script is for: what is registered with it is known. */
  readonly engine?: Pick<Engine, "natives">;
  /** Functions that the host registers, by name, with the numbers of arguments they take: `{ run_sh: [1, 2] }`. A method counts its receiver. */
  readonly functions?: Readonly<Record<string, readonly number[]>>;
  /** Variables and constants that the host puts into the scope of the script's top level. */
  readonly globals?: Iterable<string>;
  /** How `import` finds other scripts. Without it nothing is said about them. */
  readonly modules?: ModuleLookup;
  /** Functions that the host calls. Given, every other function that nothing reaches is reported, not only private ones. */
  readonly entryPoints?: Iterable<string>;
  /** Rules to leave out. */
  readonly off?: Iterable<RuleCode>;
}
