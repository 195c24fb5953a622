import { type CallContext, type Engine, type HostMethod, type ParamType, t, type Value } from "@blockvisor/rhai";
import { ask } from "../../bindings/binding.ts";
import type { EngineBridge } from "../../bindings/bridge.ts";
import { parseJson } from "../../values/parse-json.ts";
import type { Matchers } from "./matchers.ts";
import { testJson } from "./test-json.ts";

/** A text, or a matcher of texts. */
const which = t.any;
const { string: text, map, array, any, bool, int } = t;

/** What a test can do, and with what: each call goes to the host that runs the test (`testing/commands.ts`). */
const SUBJECTS = {
  plugin: {
    init: [[]],
    upload: [[]],
    status: [[]],
    height: [[]],
    call: [[text], [text, text]],
    config: [[]],
    capabilities: [[]],
    reload: [[], [map]],
  },
  host: {
    env: [[map]],
    params: [[map]],
    dev: [[bool]],
    data_stamp: [[any]],
    archive: [[bool]],
    archives: [[map]],
    jrpc: [
      [which, any],
      [which, any, map],
    ],
    jrpc_status: [
      [which, int],
      [which, int, any],
    ],
    jrpc_fail: [[which, text]],
    rest: [
      [which, int, any],
      [which, int, any, map],
      [which, array],
    ],
    rest_fail: [[which, text]],
    sh: [
      [which, any],
      [which, text, map],
    ],
    sh_fail: [[which, text]],
    sh_real: [[which]],
    file: [[text, text]],
    no_file: [[text]],
    read: [[text]],
    template: [[text, text]],
    rendered: [[text]],
    secret: [[text, text]],
    no_secret: [[text]],
    data: [[text], []],
    slot: [[text], [text, text]],
    log: [[]],
    replay: [[], [text], [text, text]],
  },
  jobs: {
    tick: [[]],
    run_to_end: [[]],
    finish: [[text], [text, int]],
    fail: [[text], [text, int]],
    crash: [[text], [text, int]],
    state: [[text]],
    states: [[]],
    order: [[]],
    config: [[text]],
    configs: [[]],
  },
  clock: { set: [[text]], advance: [[int]], now: [[]] },
  tasks: { fired: [[]], list: [[]] },
} as const satisfies Readonly<Record<string, Readonly<Record<string, readonly (readonly ParamType[])[]>>>>;

/** `plugin`, `host`, `jobs`, `clock` and `tasks`. */
export function registerSubjects(
  engine: Engine,
  bridge: EngineBridge,
  matchers: Matchers,
  globals: Map<string, Value>,
): void {
  for (const [subject, methods] of Object.entries(SUBJECTS)) {
    const method = (name: string, overloads: readonly (readonly ParamType[])[]): HostMethod<object>[] =>
      overloads.map((params) => ({
        params,
        call: (ctx, _self, ...args: Value[]) => askHost(ctx, bridge, matchers, `${subject}.${name}`, args),
      }));
    const type = engine.registerType<object>(subject, {
      methods: Object.fromEntries(Object.entries(methods).map(([name, overloads]) => [name, method(name, overloads)])),
      toString: () => subject,
    });
    globals.set(subject, type.wrap({}));
  }
  engine.registerFn("system_time", [], (ctx) => askHost(ctx, bridge, matchers, "clock.now", []));
}

/** What the host answers, which is JSON text; nothing is `()`. */
export function askHost(
  ctx: CallContext,
  bridge: EngineBridge,
  matchers: Matchers,
  command: string,
  args: readonly Value[],
): Value {
  const given = args.map((arg) => testJson(arg, matchers));
  const answer = ask(ctx, bridge, "test", command, ...given);
  return typeof answer === "string" ? parseJson(answer) : undefined;
}
