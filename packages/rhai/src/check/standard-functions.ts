import { Effect, type Natives } from "../host/natives.ts";
import { LOOKING } from "../std/describe.ts";
import { standardLibrary } from "../std/standard.ts";

/** Numbers of arguments of the functions that are part of the language itself. `call` and `curry` take any number. */
const LANGUAGE: Readonly<Record<string, readonly number[]>> = {
  Fn: [1],
  eval: [1],
  type_of: [1],
  is_shared: [1],
  is_def_var: [1],
  is_def_fn: [2, 3],
  call: [1],
  curry: [1],
  get_fn_metadata_list: [0, 1, 2],
};

/** What scripts may call: functions of the language and those registered, with the numbers of arguments they take. */
export function functionsOf(natives: Natives): readonly (readonly [name: string, arities: readonly number[]])[] {
  const registered = natives
    .all()
    .filter(({ name }) => /^[a-z_]\w*$/i.test(name))
    .map(({ name, params }) => [name, [params.length]] as const);
  return [...registered, ...Object.entries(LANGUAGE)];
}

let changing: ReadonlySet<string> | null = null;

/** Methods of the standard library that change their receiver whatever it is. */
export function changingMethods(): ReadonlySet<string> {
  if (changing === null) {
    const all = standardLibrary().all();
    const pure = new Set(all.filter(({ effect }) => effect === Effect.None).map(({ name }) => name));
    changing = new Set(all.map(({ name }) => name).filter((name) => !pure.has(name) && !LOOKING.has(name)));
  }
  return changing;
}
