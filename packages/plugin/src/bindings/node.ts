import { Blob, type CallContext, type RhaiMap, share, t, type Value } from "@blockvisor/rhai";
import { CronError } from "../cron/fields.ts";
import { parseSchedule } from "../cron/schedule.ts";
import type { NodeEnv } from "../engine/node-env.ts";
import { taskPolicy } from "../engine/task-policy.ts";
import { valueFromJson } from "../values/from-json.ts";
import { int, json } from "../values/reader.ts";
import { ask, convert } from "./binding.ts";
import type { EngineBridge } from "./bridge.ts";
import type { BindingTarget } from "./target.ts";

/** What the node is, its files, secrets, tasks and logs (spec plugin-api.md §2.6–2.12). */
export function registerNode(engine: BindingTarget, bridge: EngineBridge): void {
  engine.registerFn("node_params", [], (ctx) => valueFromJson(ask(ctx, bridge, "nodeParams")));
  engine.registerFn("node_env", [], (ctx) => {
    const env = ask(ctx, bridge, "nodeEnv") as NodeEnv;
    return valueFromJson({ ...env, org_id: env.node_org_id });
  });

  type RenderArguments = [template: string, destination: string, params: RhaiMap, mode?: Value];
  const render = (ctx: CallContext, ...[template, destination, params, bits]: RenderArguments): undefined => {
    const mode = bits === undefined ? undefined : convert(int("u16"), bits);
    ask(ctx, bridge, "renderTemplate", template, destination, convert(json, params), mode);
  };
  engine.registerFn("render_template", [t.string, t.string, t.map], render);
  engine.registerFn("render_template", [t.string, t.string, t.map, t.int], render);
  engine.registerFn("file_read", [t.string], (ctx, path: string) => blob(ask(ctx, bridge, "fileRead", path)));
  const write = (
    ctx: CallContext,
    ...[path, content, bits]: [path: string, content: Blob, mode?: Value]
  ): undefined => {
    const mode = bits === undefined ? undefined : convert(int("u16"), bits);
    ask(ctx, bridge, "fileWrite", path, content.bytes.slice(), mode);
  };
  engine.registerFn("file_write", [t.string, t.blob], write);
  engine.registerFn("file_write", [t.string, t.blob, t.int], write);

  engine.registerFn("has_protocol_archive", [], (ctx) => ask(ctx, bridge, "hasProtocolArchive", undefined) as boolean);
  engine.registerFn(
    "has_protocol_archive",
    [t.string],
    (ctx, storeKey: string) => ask(ctx, bridge, "hasProtocolArchive", storeKey) as boolean,
  );
  engine.registerFn("protocol_data_stamp", [], (ctx) => {
    const stamp = ask(ctx, bridge, "protocolDataStamp");
    return typeof stamp === "string" ? Math.floor(Date.parse(stamp) / 1000) : undefined;
  });

  engine.registerFn("get_secret", [t.string], (ctx, key: string) => {
    const value = ask(ctx, bridge, "getSecret", key);
    if (value === undefined) throw ctx.error("not_found");
    return blob(value);
  });
  engine.registerFn("put_secret", [t.string, t.blob], (ctx, key: string, value: Blob) => {
    ask(ctx, bridge, "putSecret", key, value.bytes.slice());
    return undefined;
  });

  const addTask = (
    ctx: Parameters<typeof ask>[0],
    name: string,
    schedule: string,
    fn: string,
    param: string,
    how?: RhaiMap,
  ): Value => {
    const policy = how === undefined ? {} : convert(taskPolicy, how);
    try {
      parseSchedule(schedule, policy.timezone);
    } catch (error) {
      throw error instanceof CronError ? ctx.error(error.message) : error;
    }
    ask(ctx, bridge, "addTask", name, schedule, fn, param, policy);
    return undefined;
  };
  engine.registerFn("add_task", [t.string, t.string, t.string], (ctx, name, schedule, fn) =>
    addTask(ctx, name, schedule, fn, ""),
  );
  engine.registerFn("add_task", [t.string, t.string, t.string, t.string], (ctx, name, schedule, fn, param) =>
    addTask(ctx, name, schedule, fn, param),
  );
  engine.registerFn(
    "add_task",
    [t.string, t.string, t.string, t.string, t.map],
    (ctx, name, schedule, fn, param, how) => addTask(ctx, name, schedule, fn, param, how),
  );
  engine.registerFn("delete_task", [t.string], (ctx, name: string) => {
    ask(ctx, bridge, "deleteTask", name);
    return undefined;
  });

  for (const level of ["info", "warn", "error"] as const) {
    engine.registerFn(level, [t.string], (ctx, message: string) => {
      ask(ctx, bridge, "log", level, message);
      return undefined;
    });
  }

  engine.registerFn("default_init", [], (ctx) => {
    ask(ctx, bridge, "defaultInit");
    return undefined;
  });
  engine.registerFn("default_upload", [], (ctx) => {
    ask(ctx, bridge, "defaultUpload");
    return undefined;
  });
}

/** A BLOB of bytes that came from the host: a script may change it, the cached original must not. */
function blob(bytes: unknown): Value {
  return share(new Blob(Uint8Array.from(bytes as Uint8Array)));
}
