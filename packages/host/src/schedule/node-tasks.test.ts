import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { NodeTasks, type NodeTasksOptions, type Task } from "./node-tasks.ts";
import { runTask } from "./run-task.ts";

const folder = await mkdtemp(join(tmpdir(), "bv-tasks-"));
after(() => rm(folder, { recursive: true }));

let files = 0;
const file = (): string => join(folder, `tasks-${(files += 1)}.json`);

const task = (name: string, schedule = "0 0 0 1 1 *"): Task => ({ name, schedule, function: "f", param: "p" });
const plain = (tasks: NodeTasks): readonly Task[] => tasks.list().map(({ next: _next, last: _last, ...rest }) => rest);

test("tasks are durable when they are acknowledged, replaced by name and forgotten when deleted", async () => {
  const path = file();
  const tasks = new NodeTasks(path, async () => "");
  await tasks.add(task("b"));
  await tasks.add(task("a"));
  await tasks.add(task("b", "0 0 12 * * *"));
  const again = new NodeTasks(path, async () => "");
  await again.load();
  assert.deepEqual(plain(again), [task("a"), task("b", "0 0 12 * * *")]);
  await again.delete("a");
  await again.delete("unknown");
  const last = new NodeTasks(path, async () => "");
  await last.load();
  assert.deepEqual(plain(last), [task("b", "0 0 12 * * *")]);
});

test("a file that cannot be understood is set aside, never overwritten", async () => {
  const texts = ["{", '{"schema_version":2,"tasks":[]}', JSON.stringify({ tasks: [task("a", "every day")] })];
  for (const text of texts) {
    const path = file();
    await writeFile(path, text);
    const tasks = new NodeTasks(path, async () => "");
    await assert.rejects(tasks.load(), { code: "failed", message: /were set aside in .*\.set-aside-/ });
    await tasks.add(task("new"));
    const [aside = ""] = (await readdir(folder)).filter((name) => name.startsWith(`${basename(path)}.set-aside-`));
    assert.deepEqual([await readFile(join(folder, aside), "utf8"), plain(tasks)], [text, [task("new")]]);
  }
});

test("a task may have a time zone of its own, and run later than others; both outlive the daemon", async () => {
  const path = file();
  const noon = { ...task("noon", "0 0 12 * * *"), timezone: "Asia/Tokyo", jitter_secs: 600, catch_up: false };
  const options = { timeZone: "UTC", random: () => 0.5 };
  await new NodeTasks(path, async () => "", options).add(noon);
  const tasks = new NodeTasks(path, async () => "", options);
  await tasks.load();
  assert.deepEqual(plain(tasks), [noon]);
  tasks.arm();
  assert.match(tasks.list()[0]?.next?.toISOString() ?? "", /T03:05:00\.000Z$/);
  tasks.disarm();
  const elsewhere = tasks.add({ ...task("b"), timezone: "Mars/Olympus" });
  await assert.rejects(elsewhere, { code: "invalid", message: /'Mars\/Olympus' is no time zone/ });
});

test("a schedule that does not parse changes nothing", async () => {
  const tasks = new NodeTasks(file(), async () => "");
  await assert.rejects(tasks.add(task("a", "every day")), { code: "invalid" });
  assert.deepEqual(tasks.list(), []);
});

test("changes at the same time are all kept", async () => {
  const path = file();
  const tasks = new NodeTasks(path, async () => "");
  await tasks.add(task("old"));
  await Promise.all([tasks.add(task("a")), tasks.delete("old"), tasks.add(task("b"))]);
  const again = new NodeTasks(path, async () => "");
  await again.load();
  assert.deepEqual(
    [plain(again), plain(tasks)],
    [
      [task("a"), task("b")],
      [task("a"), task("b")],
    ],
  );
});

test("a node cannot have any number of tasks", async () => {
  const tasks = new NodeTasks(file(), async () => "");
  for (let count = 0; count < 64; count += 1) await tasks.add(task(`t${count}`));
  await assert.rejects(tasks.add(task("one more")), { code: "no_resources" });
});

test("how a task ran last is kept, over a new schedule and the next daemon; failures in a row are told once", async () => {
  const path = file();
  const told: string[] = [];
  const answers: (string | Error | undefined)[] = [undefined, "fine", ...[1, 2, 3, 4].map((n) => new Error(`no ${n}`))];
  const run = async (): Promise<string | undefined> => {
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const onFailing: NodeTasksOptions["onFailing"] = ({ name }, { failures, error }) =>
    told.push(`${name} ${failures} ${error}`);
  const tasks = new NodeTasks(path, run, { onFailing });
  const lastOf = (of: NodeTasks): unknown => {
    const { at: _at, ms: _ms, ...last } = of.list()[0]?.last ?? { at: 0, ms: 0 };
    return last;
  };
  await tasks.add(task("a"));
  await assert.rejects(tasks.runNow("b"), { code: "not_found", candidates: ["a"] });
  await assert.rejects(tasks.runNow("a"), { code: "unavailable" });
  assert.equal(tasks.list()[0]?.last, undefined);
  const { last } = await tasks.runNow("a");
  assert.ok(last !== undefined && last.at <= Date.now() && last.ms >= 0);
  assert.deepEqual(lastOf(tasks), { result: "fine", error: null, failures: 0 });
  for (const n of [1, 2, 3, 4]) await assert.rejects(tasks.runNow("a"), { message: `no ${n}` });
  assert.deepEqual(told, ["a 3 no 3"]);
  await tasks.add(task("a", "0 0 12 * * *"));
  const again = new NodeTasks(path, async () => "");
  await again.load();
  const failed = { result: null, error: "no 4", failures: 4 };
  assert.deepEqual([lastOf(tasks), lastOf(again)], [failed, failed]);
});

test("a task that runs is not run a second time by hand", async () => {
  const gate = Promise.withResolvers<string>();
  const tasks = new NodeTasks(file(), () => gate.promise);
  await tasks.add(task("a"));
  const first = tasks.runNow("a");
  await assert.rejects(tasks.runNow("a"), { code: "busy" });
  gate.resolve("done");
  assert.equal((await first).last?.result, "done");
});

test("a task whose time comes while something else is done with its node runs afterwards, if that still is up", async () => {
  const nodeThatIs = (status: string) => {
    const calls: string[] = [];
    const gate = Promise.withResolvers<void>();
    const actor = {
      idle: false,
      gone: false,
      snapshot: () => ({ status, state: { expected_status: "Running" } }),
      exclusively: () => gate.promise,
      callPlugin: async (name: string, param: string, options: object) => {
        calls.push(`${name}(${param})${JSON.stringify(options)}`);
        return "done";
      },
    } as unknown as Parameters<typeof runTask>[1];
    return { actor, calls, free: () => gate.resolve() };
  };
  const up = nodeThatIs("Running");
  const ran = runTask(task("a"), up.actor);
  assert.deepEqual(up.calls, []);
  up.free();
  assert.deepEqual([await ran, up.calls], ["done", ["f(p){}"]]);
  const busy = nodeThatIs("Running");
  assert.deepEqual([await runTask({ ...task("a"), catch_up: false }, busy.actor), busy.calls], [undefined, []]);
  busy.free();
  await runTask({ ...task("a"), timeout_secs: 7 }, busy.actor);
  assert.deepEqual(busy.calls, ['f(p){"timeoutMs":7000}']);
  const down = nodeThatIs("Stopped");
  down.free();
  assert.deepEqual([await runTask(task("a"), down.actor), down.calls], [undefined, []]);
  assert.equal(await runTask(task("a"), undefined), undefined);
});

test("a due task runs, but not while it still runs, and not when disarmed", async () => {
  let running = 0;
  let most = 0;
  const runs: string[] = [];
  const twice = Promise.withResolvers<void>();
  const tasks = new NodeTasks(file(), async ({ name, param }) => {
    runs.push(`${name}(${param})`);
    running += 1;
    most = Math.max(most, running);
    if (runs.length === 2) twice.resolve();
    // The first run takes longer than the period.
    else await pause(1500);
    running -= 1;
    return "";
  });
  await tasks.add(task("tick", "* * * * * *"));
  tasks.arm();
  const keepAlive = setInterval(() => {}, 1000);
  await twice.promise;
  tasks.disarm();
  clearInterval(keepAlive);
  assert.deepEqual([runs, most], [["tick(p)", "tick(p)"], 1]);
});
