import { plainConfig } from "../config/saved.ts";
import { parseSchedule } from "../cron/schedule.ts";
import type { Plugin } from "../plugin.ts";
import { PluginError } from "../plugin-error.ts";
import type { Command } from "./program-host.ts";
import type { HostedTask, TestHost } from "./test-host.ts";

/** One run of a scheduled task. */
interface FiredTask {
  readonly name: string;
  readonly function: string;
  readonly param: string;
  /** RFC 3339. */
  readonly at: string;
  /** What the function gave, or why it failed. */
  readonly result?: string;
  readonly error?: string;
}

/** More runs within one step of the clock are a mistake of the test. */
const MOST_FIRED = 10_000;

/** `plugin.…` and `clock.…`: everything that makes the plugin run. `onFailure` hears why it failed, which the test may catch. */
export function pluginCommands(
  plugin: Plugin,
  host: TestHost,
  onFailure: (error: PluginError) => void,
): Readonly<Record<string, Command>> {
  const options = { signal: host.signal };
  const fired: FiredTask[] = [];
  const driven = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      if (error instanceof PluginError) onFailure(error);
      throw error;
    }
  };
  const fire = async ({ name, fn, param }: HostedTask, at: Date): Promise<void> => {
    host.clock.set(at.getTime());
    host.jobs.settle();
    const run = { name, function: fn, param, at: at.toISOString() };
    try {
      fired.push({ ...run, result: await plugin.call(fn, param, host, options) });
    } catch (error) {
      if (host.violation) throw error;
      fired.push({ ...run, error: error instanceof Error ? error.message : String(error) });
    }
  };
  const advance = async (seconds: number): Promise<void> => {
    const until = host.clock.now + seconds * 1000;
    for (let count = 0; ; count++) {
      const next = nextRun([...host.tasks.values()], host.clock.now, until);
      if (next === undefined) break;
      if (count === MOST_FIRED) throw new Error(`clock.advance: tasks would run more than ${MOST_FIRED} times`);
      for (const task of next.tasks) await fire(task, next.at);
    }
    host.clock.set(until);
    host.jobs.settle();
  };
  return {
    "plugin.init": () => driven(() => plugin.init(host, options)),
    "plugin.upload": () => driven(() => plugin.upload(host, options)),
    "plugin.status": () => driven(() => plugin.protocolStatus(host, options)),
    "plugin.height": () => driven(() => plugin.poll("height", host, options)),
    "plugin.call": (given) =>
      driven(() => plugin.call(given.text(0), given.length > 1 ? given.text(1) : "", host, options)),
    "plugin.config": async () => plainConfig(await driven(() => plugin.evaluateConfig(host, options))),
    "plugin.capabilities": () => plugin.capabilities,
    "plugin.reload": (given) =>
      driven(async () => {
        const change = given.map(0);
        given.requireKeys(change, ["params"]);
        if (change["params"] !== undefined) host.params = { ...host.params, ...given.textsOf(change["params"]) };
        if (!(await plugin.renewServices(host, options))) await plugin.init(host, options);
      }),
    "clock.set": async (given) => {
      const at = Date.parse(given.text(0));
      if (Number.isNaN(at)) given.refuse(`'${given.text(0)}' is no time like 2026-01-01T00:00:00Z`);
      if (at < host.clock.now) host.clock.set(at);
      else await driven(() => advance((at - host.clock.now) / 1000));
    },
    "clock.advance": (given) => {
      const seconds = given.number(0, 0);
      return seconds < 0 ? given.refuse("time does not go back") : driven(() => advance(seconds));
    },
    "clock.now": () => Math.floor(host.clock.now / 1000),
    "tasks.fired": () => fired,
    "tasks.list": () => [...host.tasks.values()].map(({ fn, ...task }) => ({ ...task, function: fn })),
  };
}

/** The tasks that are due next, until then. Without a time zone of their own they have UTC, so that a test says the same everywhere. */
function nextRun(
  tasks: readonly HostedTask[],
  after: number,
  until: number,
): { readonly at: Date; readonly tasks: readonly HostedTask[] } | undefined {
  const due = tasks.flatMap((task) => {
    const at = parseSchedule(task.schedule, task.timezone ?? "UTC").next(new Date(after));
    return at !== undefined && at.getTime() <= until ? [{ at, task }] : [];
  });
  const first = Math.min(...due.map(({ at }) => at.getTime()));
  if (due.length === 0) return undefined;
  return { at: new Date(first), tasks: due.filter(({ at }) => at.getTime() === first).map(({ task }) => task) };
}
