import type { EngineCalls } from "../worker/process.ts";
import { HostFailure } from "./host-failure.ts";
import { stateName } from "./job-board.ts";
import type { Command } from "./program-host.ts";
import { ScriptArguments } from "./script-arguments.ts";
import { requireSame, type SnapshotBook } from "./snapshots.ts";
import type { TestHost } from "./test-host.ts";

/** After so many a job waits as long as it ever will. */
const MOST_CRASHES = 1_000;

/** `jobs.…`: what happens to the jobs of the node. */
export function jobCommands({ jobs }: TestHost): Readonly<Record<string, Command>> {
  return {
    "jobs.tick": () => jobs.settle(),
    "jobs.run_to_end": () => jobs.runToEnd(),
    "jobs.finish": (given) => jobs.finish(given.text(0), given.number(1, 0)),
    "jobs.fail": (given) => jobs.finish(given.text(0), given.number(1, 1)),
    "jobs.crash": (given) => jobs.crash(given.text(0), Math.min(given.number(1, 1), MOST_CRASHES)),
    "jobs.state": (given) => stateName(jobs.info(given.text(0)).status),
    "jobs.states": () => Object.fromEntries(jobs.names.map((name) => [name, stateName(jobs.info(name).status)])),
    "jobs.order": () => jobs.order,
    "jobs.config": (given) => jobs.config(given.text(0)),
    "jobs.configs": () => Object.fromEntries(jobs.names.map((name) => [name, jobs.config(name)])),
  };
}

/** What assertions ask of the host. */
export function assertCommands(host: TestHost, snapshots: SnapshotBook): Readonly<Record<string, Command>> {
  return {
    "assert.no_job": (given) => {
      const name = given.text(0);
      if (host.jobs.has(name)) throw new HostFailure(`assert_no_job: there is a job '${name}'`);
    },
    "assert.calls": (given) => {
      const [name, expected] = [given.text(0), given.number(1, 0)];
      const count = host.calls(name);
      if (count !== expected) throw new HostFailure(`${name} was called ${times(count)}, not ${times(expected)}`);
    },
    "assert.snapshot": (given) => requireSame(snapshots, given.text(0), given.value(1)),
  };
}

const times = (count: number): string => (count === 1 ? "once" : `${count} times`);

/** Serves the calls of a test, one after the other. */
export function serveCommands(commands: Readonly<Record<string, Command>>): EngineCalls {
  return async (method, [name, ...args]) => {
    if (method === "log") return undefined;
    const command = method === "test" && Object.hasOwn(commands, String(name)) ? commands[String(name)] : undefined;
    if (!command) throw new Error(`a test cannot call ${method === "test" ? String(name) : method}`);
    const result = await command(new ScriptArguments(String(name), args));
    return result === undefined ? undefined : JSON.stringify(result, jsonNumber);
  };
}

/** Numbers beyond 2^53 stay exact where a script reads them. */
function jsonNumber(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? JSON.rawJSON(value.toString()) : value;
}
