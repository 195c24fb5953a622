import type { Diagnostic } from "@blockvisor/image";
import { type Ast, type Expr, type FunctionDefinition, type Statement, unparen, walk } from "@blockvisor/rhai";
import { POLLED, type ResultType } from "../platform-functions.ts";
import { placeOf } from "./place.ts";

/** What an expression certainly is. */
type Known = "()" | "bool" | "INT" | "FLOAT" | "CHAR" | "STRING" | "ARRAY" | "MAP" | "BLOB" | "response" | "result";

/** What functions of the platform give, as `docs/plugin-functions.md` says it. */
export const RESULTS_OF_PLATFORM: Readonly<Record<string, Known>> = {
  run_jrpc: "response",
  run_rest: "response",
  run_graphql: "response",
  run_sh: "result",
  job_info: "MAP",
  get_jobs: "MAP",
  node_params: "MAP",
  node_env: "MAP",
  file_read: "BLOB",
  get_secret: "BLOB",
  base64_decode: "BLOB",
  has_protocol_archive: "bool",
  parse_hex: "INT",
  system_time: "INT",
  parse_rfc3339: "INT",
  parse_rfc2822: "INT",
  parse_time: "INT",
  shell_quote: "STRING",
  sanitize_sh_param: "STRING",
  to_json: "STRING",
  url_encode: "STRING",
  url_decode: "STRING",
  base64_encode: "STRING",
  sha256: "STRING",
};

type Wanted = ResultType | "status" | "config";

/** What a result can be made of (spec plugin-api.md §1 Do better; `worker/results.ts`). */
const ACCEPTED: Readonly<Record<Wanted, readonly Known[]>> = {
  u64: ["INT", "FLOAT"],
  f64: ["INT", "FLOAT", "STRING"],
  flag: ["bool", "STRING"],
  text: ["()", "bool", "INT", "FLOAT", "CHAR", "STRING", "ARRAY", "MAP"],
  status: ["MAP", "STRING"],
  config: ["MAP"],
};

const ASKED: Readonly<Record<Wanted, string>> = {
  u64: "an INT",
  f64: "a number",
  flag: "true or false",
  text: "a STRING",
  status: "a MAP with state and health",
  config: "a MAP",
};

const WANTED: Readonly<Record<string, Wanted>> = { ...POLLED, protocol_status: "status", plugin_config: "config" };

/** NIB524: a function that the platform calls, and what it ends with cannot be its result. Only what is certain counts. */
export function resultTypeFindings({ functions, source }: Ast): Diagnostic[] {
  return functions.flatMap(({ name, params, node }): Diagnostic[] => {
    const wanted = Object.hasOwn(WANTED, name) ? WANTED[name] : undefined;
    if (wanted === undefined || params.length > 0) return [];
    return resultsOf(node).flatMap(({ known, at }): Diagnostic[] => {
      if (ACCEPTED[wanted].includes(known)) return [];
      return [
        {
          code: "NIB524",
          severity: "error",
          message: `${name}() has to give ${ASKED[wanted]}, and this is ${known}`,
          ...placeOf(source, at),
          help: helpFor(known, wanted),
        },
      ];
    });
  });
}

function helpFor(known: Known, wanted: Wanted): string {
  if (known === "response") return "take its value out: .expect(200) is the body";
  if (known === "result") return "take its output: .unwrap() is what it printed";
  if (wanted === "u64" && known === "STRING") return "parse_int(…) or parse_hex(…) makes a number of it";
  if (known === "BLOB") return ".as_string() makes a text of it";
  return "the platform reads nothing else";
}

interface Result {
  readonly known: Known;
  readonly at: { readonly start: number; readonly end: number };
}

/** What a function certainly returns: at its end, in the branches of it, and with `return`. */
function resultsOf({ body }: FunctionDefinition): readonly Result[] {
  const results = [...endsOf(body)];
  walk(body, {
    enter(node) {
      if (node.kind === "Return") results.push(...resultOf(node.value));
      // What a closure or a function inside returns is its own.
      return node.kind !== "Closure" && node.kind !== "Function";
    },
  });
  return results;
}

function endsOf(statement: Statement | undefined): readonly Result[] {
  switch (statement?.kind) {
    case "Block":
      return endsOf(statement.body.at(-1));
    case "If":
      return [statement.then, statement.otherwise ?? undefined].flatMap(endsOf);
    case "Switch":
      return statement.arms.flatMap(({ body }) => endsOf(body));
    case "Expression":
      return resultOf(statement.expr);
    default:
      return [];
  }
}

function resultOf(expr: Expr | null): readonly Result[] {
  const node = expr && unparen(expr);
  const known = node && knownOf(node);
  return known ? [{ known, at: node }] : [];
}

function knownOf(node: Expr): Known | undefined {
  switch (node.kind) {
    case "Literal":
      return LITERALS[node.type];
    case "InterpolatedString":
      return "STRING";
    case "Array":
      return "ARRAY";
    case "Map":
      return "MAP";
    case "Call":
      return node.path.length === 0 && Object.hasOwn(RESULTS_OF_PLATFORM, node.name)
        ? RESULTS_OF_PLATFORM[node.name]
        : undefined;
    default:
      return undefined;
  }
}

const LITERALS = { unit: "()", bool: "bool", int: "INT", float: "FLOAT", char: "CHAR", string: "STRING" } as const;
