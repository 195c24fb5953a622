import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { NodeTasks, type Task } from "./node-tasks.ts";

const folder = await mkdtemp(join(tmpdir(), "bv-tasks-"));
after(() => rm(folder, { recursive: true }));

let files = 0;
const file = (): string => join(folder, `tasks-${(files += 1)}.json`);

const task = (name: string, schedule = "0 0 0 1 1 *"): Task => ({ name, schedule, function: "f", param: "p" });
const plain = (tasks: NodeTasks): readonly Task[] => tasks.list().map(({ next: _, ...rest }) => rest);

test("tasks are durable when they are acknowledged, replaced by name and forgotten when deleted", async () => {
  const path = file();
  const tasks = new NodeTasks(path, async () => {});
  await tasks.add(task("b"));
  await tasks.add(task("a"));
  await tasks.add(task("b", "0 0 12 * * *"));
  const again = new NodeTasks(path, async () => {});
  await again.load();
  assert.deepEqual(plain(again), [task("a"), task("b", "0 0 12 * * *")]);
  await again.delete("a");
  await again.delete("unknown");
  const last = new NodeTasks(path, async () => {});
  await last.load();
  assert.deepEqual(plain(last), [task("b", "0 0 12 * * *")]);
});

test("a file that cannot be understood is set aside, never overwritten", async () => {
  const texts = ["{", '{"schema_version":2,"tasks":[]}', JSON.stringify({ tasks: [task("a", "every day")] })];
  for (const text of texts) {
    const path = file();
    await writeFile(path, text);
    const tasks = new NodeTasks(path, async () => {});
    await assert.rejects(tasks.load(), { code: "failed", message: /were set aside in .*\.set-aside-/ });
    await tasks.add(task("new"));
    const [aside = ""] = (await readdir(folder)).filter((name) => name.startsWith(`${basename(path)}.set-aside-`));
    assert.deepEqual([await readFile(join(folder, aside), "utf8"), plain(tasks)], [text, [task("new")]]);
  }
});

test("a schedule that does not parse changes nothing", async () => {
  const tasks = new NodeTasks(file(), async () => {});
  await assert.rejects(tasks.add(task("a", "every day")), { code: "invalid" });
  assert.deepEqual(tasks.list(), []);
});

test("changes at the same time are all kept", async () => {
  const path = file();
  const tasks = new NodeTasks(path, async () => {});
  await tasks.add(task("old"));
  await Promise.all([tasks.add(task("a")), tasks.delete("old"), tasks.add(task("b"))]);
  const again = new NodeTasks(path, async () => {});
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
  const tasks = new NodeTasks(file(), async () => {});
  for (let count = 0; count < 64; count += 1) await tasks.add(task(`t${count}`));
  await assert.rejects(tasks.add(task("one more")), { code: "no_resources" });
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
  });
  await tasks.add(task("tick", "* * * * * *"));
  tasks.arm();
  const keepAlive = setInterval(() => {}, 1000);
  await twice.promise;
  tasks.disarm();
  clearInterval(keepAlive);
  assert.deepEqual([runs, most], [["tick(p)", "tick(p)"], 1]);
});
