import { pseudoFunctions } from "../lex/token.ts";

/** Numbers of arguments of the functions that are part of the language; `call` and `curry` take any number. */
const LANGUAGE: Readonly<Record<string, readonly number[]>> = {
  Fn: [1],
  eval: [1],
  print: [0, 1],
  debug: [0, 1],
  type_of: [1],
  is_shared: [1],
  is_def_var: [1],
  is_def_fn: [2, 3],
  call: [1],
  curry: [1],
};

const TABLE = `abs:1 sign:1 is_zero:1 len:1 max:2 min:2 to_string:1 push:2 sqrt:1 parse_int:1,2 trim:1 range:2,3 contains:2 keys:1 map:2 filter:2 reduce:2,3 replace:3 sub_string:2,3 timestamp:0 to_debug:1 exit:0,1 sort:1,2 pop:1,2 insert:3 clear:1 for_each:2 to_float:1 to_int:1 starts_with:2 split:1,2,3 parse_json:1 to_json:1 blob:0,1,2 find:2,3`;

export function standardFunctions(): [string, readonly number[]][] {
  const table = TABLE.split(" ").map((entry): [string, number[]] => {
    const [name = "", counts = ""] = entry.split(":");
    return [name, counts.split(",").map(Number)];
  });
  return [
    ...table,
    ...[...pseudoFunctions.keys()].map((name): [string, readonly number[]] => [name, LANGUAGE[name] ?? []]),
  ];
}
