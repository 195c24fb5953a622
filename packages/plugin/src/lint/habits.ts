import type { Diagnostic } from "@blockvisor/image";
import { type Ast, type Block, type Call, type Expr, type FunctionDefinition, unparen, walk } from "@blockvisor/rhai";
import { placeOf } from "./place.ts";

/* What works, and is probably not meant (spec plugin-api.md §5 Do better, §7.4). */

/** NIB518 health that never changes, NIB519 work at the top level, NIB520 keys of secrets, NIB521 a `try` for its value. */
export function habitFindings(ast: Ast): Diagnostic[] {
  return [...constantHealth(ast), ...topLevelWork(ast), ...secretKeys(ast), ...triedValues(ast)];
}

/** All branches of `protocol_status` say `healthy`; one branch is how a plugin begins. */
function constantHealth({ functions, source }: Ast): Diagnostic[] {
  const status = functions.find((fn) => fn.name === "protocol_status" && fn.params.length === 0);
  if (status === undefined) return [];
  const healths: Expr[] = [];
  walk(status.node, {
    enter(node) {
      if (node.kind === "Map")
        healths.push(...node.entries.filter(({ key }) => key === "health").map(({ value }) => unparen(value)));
      return true;
    },
  });
  const [first, second] = healths;
  if (first === undefined || second === undefined) return [];
  if (!healths.every((health) => health.kind === "Literal" && health.value === "healthy")) return [];
  return [
    {
      code: "NIB518",
      severity: "warning",
      message: "the node is healthy whatever happens",
      ...placeOf(source, first),
      help: 'say "unhealthy" where its API does not answer, "neutral" while it is not to be expected',
    },
  ];
}

const WORK: ReadonlySet<string> = new Set([
  ...[
    "run_sh",
    "run_jrpc",
    "run_rest",
    "run_graphql",
    "get_secret",
    "put_secret",
    "save_data",
    "swap_data",
    "file_read",
    "file_write",
  ],
  ...["render_template", "create_job", "start_job", "stop_job", "stop_all_jobs", "cleanup_job", "job_info", "get_jobs"],
  ...["add_task", "delete_task", "has_protocol_archive", "protocol_data_stamp"],
]);

function topLevelWork({ program, source }: Ast): Diagnostic[] {
  return callsIn(program, (node) => node.kind !== "Function")
    .filter(({ name, path }) => path.length === 0 && WORK.has(name))
    .map((call) => ({
      code: "NIB519",
      severity: "warning",
      message: `${call.name} at the top level runs with every call of the plugin, each poll of its metrics too`,
      ...placeOf(source, call),
      help: "do it in the function that needs it",
    }));
}

/** As the control plane takes them (spec plugin-api.md §2.10). */
const KEY = /^(?=.{6})[a-z0-9]+(?:-[a-z0-9]+)*$/;

function secretKeys({ program, source }: Ast): Diagnostic[] {
  return callsIn(program).flatMap(({ name, args }): Diagnostic[] => {
    const key = args[0] && unparen(args[0]);
    if ((name !== "get_secret" && name !== "put_secret") || key?.kind !== "Literal") return [];
    if (typeof key.value !== "string" || KEY.test(key.value)) return [];
    return [
      {
        code: "NIB520",
        severity: "warning",
        message: `the control plane takes no secret with the key "${key.value}"`,
        ...placeOf(source, key),
        help: "use lower-case words with dashes, six characters or more",
      },
    ];
  });
}

/** The value of a `try` is `()`, whatever its blocks end with. */
function triedValues({ functions, source }: Ast): Diagnostic[] {
  return functions.flatMap(({ node }): Diagnostic[] => {
    const last = (node as FunctionDefinition).body.body.at(-1);
    if (last?.kind !== "Try") return [];
    const value = [last.body, last.handler].map((block) => endOf(block, source.text)).find((one) => one !== undefined);
    if (value === undefined) return [];
    return [
      {
        code: "NIB521",
        severity: "warning",
        message: "a `try` has no value: the function returns `()`, not this",
        ...placeOf(source, value),
        help: "write `return` in front of it",
      },
    ];
  });
}

/** What a block ends with, if nothing but its value can be meant. */
function endOf({ body, end }: Block, text: string): Expr | undefined {
  const last = body.at(-1);
  if (last?.kind !== "Expression" || text.slice(last.end, end).includes(";")) return undefined;
  const expr = unparen(last.expr);
  return expr.kind === "Call" || expr.kind === "MethodCall" ? undefined : expr;
}

function callsIn(program: Ast["program"], enters: (node: { readonly kind: string }) => boolean = () => true): Call[] {
  const calls: Call[] = [];
  walk(program, {
    enter(node) {
      if (node.kind === "Call") calls.push(node);
      return enters(node);
    },
  });
  return calls;
}
