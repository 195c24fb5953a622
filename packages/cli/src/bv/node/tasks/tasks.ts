import type { TaskJson } from "@blockvisor/wire/blockvisor/host/v1/host";
import type { Call } from "../../../command/verb.ts";
import { DaemonClient } from "../../../daemon/client.ts";
import type { Column } from "../../../output/table.ts";
import { whichNode } from "../which-node.ts";

const columns: readonly Column<TaskJson>[] = [
  { title: "Name", value: ({ name }) => name ?? "", colour: "cyan" },
  { title: "Schedule", value: ({ schedule }) => schedule ?? "" },
  { title: "Function", value: (task) => `${task.function}(${task.param ?? ""})`, colour: "blue" },
  { title: "Next run", value: ({ nextRun }) => nextRun ?? "-", colour: "yellow" },
];

/** `bv node tasks` (host-daemon DB-4.11). */
export async function nodeTasks({ out, args, signal }: Call<object, [node?: string]>): Promise<void> {
  const daemon = new DaemonClient(out);
  const node = await whichNode(daemon, args[0]);
  const { tasks = [] } = await daemon.call("ListTasks", { node }, { signal });
  if (tasks.length === 0) out.line("No tasks are scheduled.");
  else out.table(columns, tasks);
  const document = tasks.map(({ name, schedule, param, nextRun, function: fn }) => ({
    name: name ?? "",
    schedule: schedule ?? "",
    function: fn ?? "",
    param: param ?? "",
    next_run: nextRun ?? null,
  }));
  out.document({ tasks: document });
}
