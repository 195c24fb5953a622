import assert from "node:assert/strict";
import { rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import type { JobInfo } from "@blockvisor/wire/blockvisor/babel/v1/babel";
import { builtAgent, SECRET, statusOf, until } from "./testbed/agent.ts";
import { type Flavour, TestContainer } from "./testbed/container.ts";

const bundle = await builtAgent();
after(() => rm(dirname(bundle.folder), { recursive: true, force: true }));

for (const flavour of ["scratch", "busybox", "debian"] as const satisfies readonly Flavour[]) {
  test(`in a container from a ${flavour} image: scripts, jobs, logs, users, a killed babel, a stop`, async (t) => {
    const node = await TestContainer.start(flavour, bundle);
    t.after(() => node.dispose());
    assert.equal((await stat(join(node.folder, "run/babel.sock"))).mode & 0o777, 0o600);
    await node.babel.setup({ secret: SECRET, nodeEnv: { nodeName: "n", properties: { "some-key": "it's $HOME" } } });

    const shell = await node.babel.runSh({ body: 'echo "$NODE_NAME $IMAGE $BV_PROP_SOME_KEY" | cat; exit 5' });
    assert.deepEqual([shell.exitCode, shell.stdout, shell.stderr], [5, "n yes it's $HOME\n", ""]);

    const create = (name: string, script: string, runAs?: string) =>
      node.jobs.createJob({
        name,
        config: {
          jobType: { kind: { case: "runSh", value: script } },
          restart: { policy: { case: "never", value: {} } },
          ...(runAs === undefined ? {} : { runAs }),
        },
      });
    await create("svc", "trap 'echo bye; exit 0' TERM; i=0; while :; do echo $i; i=$((i+1)); sleep 0.05; done");
    await node.jobs.startJob({ name: "svc" });
    const info = async (name: string): Promise<JobInfo> => (await node.jobs.getJob({ name })).job!;
    await until(async () => ((await info("svc")).run?.pid ?? 0) > 0, "svc runs");
    const before = (await info("svc")).run;

    await create("short", "echo done; exit 9");
    if (flavour !== "scratch") {
      await create("user", "id -u; id -g; id -G; echo $HOME", "app");
      await node.jobs.startJob({ name: "user" });
      await until(async () => statusOf(await info("user")) === "finished(0)", "user has ended");
      assert.deepEqual(await lines(node, "user"), ["1000", "1001", "1001 2000", "/home/app"]);
    }
    await node.jobs.startJob({ name: "short" });
    await node.killBabel();
    await node.startBabel();
    await until(async () => statusOf(await info("short")) === "finished(9)", "the exit code is kept");
    assert.deepEqual(await lines(node, "short"), ["done"]);
    const now = await info("svc");
    assert.deepEqual([statusOf(now), now.run?.pid, now.run?.number], ["running", before?.pid, before?.number]);

    await node.jobs.stopAllJobs({});
    const log = await lines(node, "svc");
    assert.equal(log.at(-1), "bye");
    assert.deepEqual(
      log.slice(0, -1),
      log.slice(0, -1).map((_line, index) => String(index)),
    );
    // Every process that ended in the node was collected: by the init of the bundle, or by babel.
    const listing = "for each in /proc/[0-9]*/stat; do read -r line <$each && echo $line; done 2>/dev/null";
    const zombies = async () => (await node.babel.runSh({ body: listing })).stdout.match(/^.*\) Z .*$/gm) ?? [];
    await until(async () => (await zombies()).length === 0, "no zombie is left");
  });
}

test("a job that the kernel ends for lack of memory says so", async (t) => {
  const node = await TestContainer.start("scratch", bundle, 200_000_000);
  t.after(() => node.dispose());
  await node.babel.setup({ secret: SECRET, nodeEnv: {} });
  const ended = async (name: string, script: string, status: string) => {
    const jobType = { kind: { case: "runSh" as const, value: script } };
    const restart = { policy: { case: "never" as const, value: {} } };
    await node.jobs.createJob({ name, config: { jobType, restart } });
    await node.jobs.startJob({ name });
    await until(async () => statusOf((await node.jobs.getJob({ name })).job!) === status, "it is killed");
    const { job } = await node.jobs.getJob({ name });
    return [job?.lastFailure, job?.run?.outOfMemory];
  };
  const greedy = "x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done";
  const told = "Job 'greedy' killed by signal SIGKILL: out of memory";
  assert.deepEqual(await ended("greedy", greedy, "finished(null)"), [told, true]);
  // The payload is a shell that lives; what it waits for is ended.
  const waiting = "Job 'waiting' exited with code 137 (128 + SIGKILL: out of memory)";
  assert.deepEqual(await ended("waiting", `(${greedy}); exit $?`, "finished(137)"), [waiting, true]);
  const own = "Job 'own' exited with code 137 (128 + SIGKILL)";
  assert.deepEqual(await ended("own", "exit 137", "finished(137)"), [own, false]);
});

async function lines(node: TestContainer, name: string): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const batch of node.jobs.readJobLogs({ names: [name], tailLines: 100_000 })) {
    found.push(...batch.lines.map((line) => Buffer.from(line.text).toString()));
  }
  return found;
}
