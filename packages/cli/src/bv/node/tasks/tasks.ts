import type { TaskJson } from "@blockvisor/wire/blockvisor/host/v1/host";
import type { Call } from "../../../command/verb.ts";
import { DaemonClient } from "../../../daemon/client.ts";
import type { Column } from "../../../output/table.ts";
import { whichNode } from "../which-node.ts";
import type { TasksOptions } from "./verb.ts";

const columns: readonly Column<TaskJson>[] = [
  { title: "Name", value: ({ name }) => name ?? "", colour: "cyan" },
  { title: "Schedule", value: ({ schedule, timezone }) => `${schedule ?? ""}${timezone ? ` (${timezone})` : ""}` },
  { title: "Function", value: (task) => `${task.function}(${task.param ?? ""})`, colour: "blue" },
  { title: "Next run", value: ({ nextRun }) => nextRun ?? "-", colour: "yellow" },
  { title: "Last run", value: ({ lastRun }) => lastRun ?? "-" },
  { title: "Took", value: ({ lastMs }) => (lastMs === undefined ? "-" : `${lastMs} ms`), align: "right" },
  { title: "Outcome", value: outcomeOf, colour: ({ lastError }) => (lastError === undefined ? "green" : "red") },
];

/** `bv node tasks` (host-daemon DB-4.11, plugin-api §6). */
export async function nodeTasks({ out, args, options, signal }: Call<TasksOptions, [node?: string]>): Promise<void> {
  const daemon = new DaemonClient(out);
  const node = await whichNode(daemon, args[0]);
  if (options.run !== undefined) {
    const task = await daemon.call("RunTask", { node, task: options.run }, { signal, timeoutMs: RUN_MS });
    out.line(out.foreign(task.lastResult ?? ""));
    out.document({ tasks: [documentOf(task)] });
    return;
  }
  if (options.rm !== undefined) await daemon.call("DeleteTask", { node, task: options.rm }, { signal });
  const { tasks = [] } = await daemon.call("ListTasks", { node }, { signal });
  if (tasks.length === 0) out.line("No tasks are scheduled.");
  else out.table(columns, tasks);
  out.document({ tasks: tasks.map(documentOf) });
}

/** As long as `bv node run` waits by default. */
const RUN_MS = 600_000;

function documentOf(task: TaskJson): Readonly<Record<string, string | number | boolean | null>> {
  return {
    name: task.name ?? "",
    schedule: task.schedule ?? "",
    function: task.function ?? "",
    param: task.param ?? "",
    timezone: task.timezone || null,
    jitter_secs: task.jitterSecs ?? 0,
    timeout_secs: task.timeoutSecs ?? null,
    catch_up: !task.skipsWhenBusy,
    next_run: task.nextRun ?? null,
    last_run: task.lastRun ?? null,
    last_ms: task.lastMs === undefined ? null : Number(task.lastMs),
    last_result: task.lastResult ?? null,
    last_error: task.lastError ?? null,
    failures: task.failures ?? 0,
  };
}

function outcomeOf({ lastRun, lastError, failures = 0 }: TaskJson): string {
  if (lastRun === undefined) return "-";
  return lastError === undefined ? "ok" : `failed (${failures}): ${lastError.split("\n")[0]}`;
}
