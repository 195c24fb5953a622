import assert from "node:assert/strict";
import { chmod, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { ErrorDetailSchema, type JobInfo } from "@blockvisor/wire/blockvisor/babel/v1/babel";
import { ConnectError } from "@connectrpc/connect";
import { hasEnded, statOf } from "../process/identity.ts";
import { builtAgent, statusOf, TestAgent, until } from "../testbed/agent.ts";

const bundle = await builtAgent();
const quick = (max?: number) => ({
  backoffTimeoutMs: 60_000n,
  backoffBaseMs: 10n,
  ...(max === undefined ? {} : { maxRetries: max }),
});
/** Zombies are dead: only this machine's init has not collected them yet. */
const alive = (pid: number): boolean => {
  const stat = statOf(pid);
  return stat !== undefined && !hasEnded(stat);
};

async function codeOf(call: Promise<unknown>): Promise<string> {
  const error = ConnectError.from(
    await call.then(
      () => new Error("it succeeded"),
      (reason: unknown) => reason,
    ),
  );
  const [detail] = error.findDetails(ErrorDetailSchema);
  return `${detail?.code}: ${error.rawMessage}`;
}

after(() => rm(dirname(bundle.folder), { recursive: true, force: true }));

test("while an upload reads the protocol data, what uses it waits, or is refused, unless it is forced", async (t) => {
  const agent = await TestAgent.start(bundle);
  t.after(() => agent.dispose());
  await mkdir(join(agent.root, "blockjoy/protocol_data"), { recursive: true });
  await writeFile(join(agent.root, "blockjoy/protocol_data/file"), "data");
  const uses = { useProtocolData: true };
  const restart = { policy: { case: "never" as const, value: {} } };
  // Nobody answers it, so it goes on until it is stopped.
  await agent.create("upload", "", { jobType: { kind: { case: "upload", value: {} } }, restart });
  await agent.create("gate", "until [ -e $BABEL_JOB_DIR/open ]; do sleep 0.02; done");
  await agent.create("later", "true", { ...uses, waitFor: ["gate"] });
  await agent.create("between", "true", { waitFor: ["upload"] });
  await agent.create("after", "true", { ...uses, waitFor: ["between"] });
  await agent.create("service", "true", uses);
  await agent.create("other", "true");
  for (const name of ["gate", "later", "upload"]) await agent.jobs.startJob({ name });
  await agent.running("upload");
  assert.equal(
    await codeOf(agent.jobs.startJob({ name: "service" })),
    "protocol-data-uploading: can't start, job 'service' uses the protocol data, which job 'upload' is uploading",
  );
  for (const name of ["between", "after", "other"]) await agent.jobs.startJob({ name });
  await agent.finished("other");
  await agent.jobs.startJob({ name: "service", force: true });
  await agent.finished("service");
  await writeFile(join(agent.jobFolder("gate"), "open"), "");
  const waitsFor = (names: string) => (job: JobInfo) =>
    job.status?.status.case === "pending" && job.status.status.value.waitingFor.join() === names;
  await agent.reaches("later", waitsFor("upload"), "to wait for the upload");
  await agent.jobs.stopJob({ name: "upload" });
  for (const name of ["later", "after"]) assert.equal(statusOf(await agent.finished(name)), "finished(0)");
});

describe("jobs", () => {
  let agent: TestAgent;
  before(async () => {
    agent = await TestAgent.start(bundle, { IMAGE_VARIABLE: "from the image" });
  });
  after(() => agent.dispose());

  test("an archive job that would fail again in the same way is not run again", async () => {
    await agent.create("upload", "", {
      jobType: { kind: { case: "upload", value: {} } },
      restart: { policy: { case: "onFailure", value: quick() } },
    });
    await agent.jobs.startJob({ name: "upload" });
    const { status, restarts } = await agent.finished("upload");
    const end = status?.status.case === "finished" ? status.status.value : undefined;
    assert.deepEqual([end?.exitCode, restarts], [-1, 0]);
    assert.match(end?.message ?? "", /^job 'upload' failed with: .*protocol_data: ENOENT/);
  });

  test("a job runs with the node's environment, and its exit code and output are kept", async () => {
    await agent.run("env", 'echo "$IMAGE_VARIABLE|$NODE_ID|$BABEL_JOB_DIR|$BV_RUN_ID"; pwd; echo err >&2; exit 7 &&');
    const job = await agent.finished("env");
    assert.equal(statusOf(job), "finished(7)");
    assert.equal(
      job.status?.status.case === "finished" && job.status.status.value.message,
      "Job 'env' exited with code 7",
    );
    assert.deepEqual(await agent.log("env"), [
      `from the image|n-1|${agent.jobFolder("env")}|${job.run?.id}`,
      "/",
      "err",
    ]);
    assert.equal(job.upgradeBlocking, true);
  });

  test("death by signal is named and has no exit code; exit 137 is an exit", async () => {
    await agent.run("killed", "kill -SEGV $$");
    const killed = await agent.reaches("killed", (job) => statusOf(job) === "finished(null)" && job.lastFailure !== "");
    assert.equal(killed.lastFailure, "Job 'killed' killed by signal SIGSEGV");
    assert.equal(killed.run?.signal, "SIGSEGV");
    await agent.run("exit137", "exit 137");
    assert.equal(statusOf(await agent.finished("exit137")), "finished(137)");
  });

  test("output is bytes: invalid UTF-8, NUL, no newline at the end", async () => {
    await agent.run("bytes", "printf 'a\\377\\000b\\nend'");
    await agent.finished("bytes");
    const lines: Buffer[] = [];
    for await (const batch of agent.jobs.readJobLogs({ names: ["bytes"] })) {
      lines.push(...batch.lines.map((line) => Buffer.from(line.text)));
    }
    assert.deepEqual(lines, [Buffer.from([0x61, 0xff, 0, 0x62]), Buffer.from("end")]);
  });

  test("retries run R+1 times with a growing wait, and the reason is kept", async () => {
    await agent.run("flaky", "date +%s%N; exit 1", { restart: { policy: { case: "onFailure", value: quick(3) } } });
    const job = await agent.finished("flaky");
    assert.equal(statusOf(job), "finished(1)");
    assert.equal((await agent.log("flaky")).length, 4);
    assert.deepEqual([job.restartCount, job.restarts, job.runnerRestarts, job.run?.number], [3, 3, 0, 4n]);
    assert.deepEqual(
      job.logs.map((line) => line.split("| ")[1]),
      [
        "Job 'flaky' exited with code 1",
        ...[40, 20, 10].map((wait) => `Job 'flaky' exited with code 1; restarts in ${wait} ms`),
      ],
    );
  });

  test("always restarts after success, too; stop during the wait stops at once", async () => {
    const restart = { policy: { case: "always" as const, value: { ...quick(), backoffBaseMs: 600_000n } } };
    await agent.run("always", "true", { restart });
    const waiting = await agent.reaches("always", (job) => statusOf(job) === "backoff", "backoff");
    assert.equal(waiting.upgradeBlocking, false);
    await agent.jobs.stopJob({ name: "always" });
    assert.equal(statusOf(await agent.info("always")), "stopped");
  });

  test("stop sends the signal to the leader, then to the others, and SIGKILL when the time is over", async () => {
    const script = [
      "trap 'echo leader got INT; exit 0' INT",
      "sh -c 'trap \"echo child got INT; exit\" INT; while :; do sleep 0.05; done' &",
      "sh -c 'trap \"\" INT; echo stubborn $$; while :; do sleep 0.05; done' &",
      "(setsid sh -c 'echo escaped $$; sleep 1000' &)",
      "while :; do sleep 0.05; done",
    ].join("\n");
    await agent.run("family", script, { shutdownSignal: "SIGINT", shutdownTimeoutSecs: 1n });
    await until(async () => (await agent.log("family")).length === 2, "both report");
    const pids = (await agent.log("family")).map((line) => Number(line.split(" ")[1]));
    await agent.jobs.stopJob({ name: "family" });
    assert.equal(statusOf(await agent.info("family")), "stopped");
    assert.deepEqual(pids.map(alive), [false, false]);
    const log = await agent.log("family");
    assert.ok(log.indexOf("leader got INT") > 0);
  });

  test("a stop of what has finished changes nothing; skip finishes with 0", async () => {
    await agent.run("done", "exit 3");
    await agent.finished("done");
    await agent.jobs.stopJob({ name: "done" });
    assert.equal(statusOf(await agent.info("done")), "finished(3)");
    await agent.jobs.skipJob({ name: "done" });
    const skipped = await agent.info("done");
    assert.equal(statusOf(skipped), "finished(0)");
    assert.equal(skipped.status?.status.case === "finished" && skipped.status.status.value.message, "Skipped");
  });

  test("needs and wait_for: order, failure down the chain, open dependencies only (T-07)", async () => {
    await agent.create("first", "sleep 0.3; exit 0");
    await agent.create("second", "sleep 1000");
    await agent.create("third", "true", { needs: ["first"], waitFor: ["second"] });
    await agent.create("fourth", "true", { needs: ["third"] });
    for (const name of ["first", "second", "third", "fourth"]) await agent.jobs.startJob({ name });
    const waiting = await agent.reaches(
      "third",
      ({ status }) => status?.status.case === "pending" && status.status.value.waitingFor.join() === "second",
      "waiting for second only",
    );
    assert.equal(statusOf(waiting), "pending");
    await agent.jobs.stopJob({ name: "second" });
    assert.equal(statusOf(await agent.finished("fourth")), "finished(0)");

    await agent.create("a", "exit 5");
    await agent.create("b", "true", { needs: ["a"] });
    await agent.create("c", "true", { needs: ["b"] });
    for (const name of ["c", "b"]) assert.match(await codeOf(agent.jobs.startJob({ name })), /succeeded/);
    const blocked = await agent.finished("b");
    assert.equal(blocked.lastFailure, "job 'b' needs 'a', but it was stopped");
    await agent.finished("c");
    for (const name of ["a", "b", "c"]) await agent.jobs.startJob({ name });
    await agent.finished("a");
    const last = await agent.reaches("c", (job) => job.lastFailure.includes("failed with None"), "failed through b");
    assert.match(
      last.lastFailure,
      /job 'c' needs 'b', but it failed with None - job 'b' needs 'a', but it failed with 5/,
    );
  });

  test("what finished only because of a job that it needs runs when that one is started, or skipped, unless it was stopped", async () => {
    await agent.create("needed", "exit $(cat $BABEL_JOB_DIR/code || echo 7)");
    await agent.create("dependent", "true", { needs: ["needed"] });
    await agent.create("next-dependent", "true", { needs: ["dependent"] });
    await agent.create("own-failure", "exit 3", { waitFor: ["needed"] });
    const names = ["needed", "dependent", "next-dependent", "own-failure"];
    const startAll = async (): Promise<void> => {
      for (const name of names) await agent.jobs.startJob({ name });
      for (const name of names) await agent.finished(name);
    };
    const ends = async () => Promise.all(names.map(async (name) => statusOf(await agent.finished(name))));
    await startAll();
    assert.deepEqual(await ends(), ["finished(7)", "finished(null)", "finished(null)", "finished(3)"]);
    await writeFile(join(agent.jobFolder("needed"), "code"), "0");
    await agent.jobs.startJob({ name: "needed" });
    const done = ({ status }: JobInfo) => status?.status.case === "finished" && status.status.value.exitCode === 0;
    await agent.reaches("next-dependent", done, "started again");
    assert.deepEqual(await ends(), ["finished(0)", "finished(0)", "finished(0)", "finished(3)"]);

    await writeFile(join(agent.jobFolder("needed"), "code"), "9");
    await startAll();
    await agent.jobs.stopJob({ name: "next-dependent" });
    await agent.jobs.skipJob({ name: "needed" });
    await agent.reaches("dependent", done, "started after the skip");
    assert.deepEqual(await ends(), ["finished(0)", "finished(0)", "finished(null)", "finished(3)"]);
  });

  test("cycles and unknown dependencies are refused with the path", async () => {
    await agent.create("x", "true", { needs: ["y"] });
    assert.equal(
      await codeOf(agent.jobs.startJob({ name: "x" })),
      "job-dependency-unknown: can't start, job 'x' depends on 'y', but it is not defined: x -> y",
    );
    await agent.create("y", "true", { waitFor: ["x"] });
    assert.equal(
      await codeOf(agent.jobs.startJob({ name: "y" })),
      "job-dependency-cycle: dependency cycle: y -> x -> y",
    );
    const graph = await agent.jobs.getJobGraph({});
    assert.ok(graph.edges.some((edge) => edge.job === "y" && edge.dependsOn === "x" && edge.kind === 2));
  });

  test("bad names and configs are refused", async () => {
    for (const name of ["..", "../x", "a/b", "-a", "", "a".repeat(65), "a b"]) {
      assert.match(await codeOf(agent.create(name, "true")), /^job-name-invalid/);
    }
    assert.match(await codeOf(agent.create("bad", "true", { shutdownSignal: "SIGNOPE" })), /unknown shutdown_signal/);
    assert.match(await codeOf(agent.create("bad", "x".repeat(200_000))), /more than 131071 bytes/);
    assert.match(await codeOf(agent.jobs.createJob({ name: "bad" })), /config is missing/);
    assert.equal(
      await codeOf(agent.jobs.startJob({ name: "nope" })),
      "job-not-found: can't start, job 'nope' not found",
    );
    assert.equal(
      await codeOf(agent.jobs.getJob({ name: "nope" })),
      "job-not-found: unknown status, job 'nope' not found",
    );
  });

  test("the same config leaves a running job alone; another one replaces it; delete removes it (T-28)", async () => {
    await agent.run("svc", "echo one; sleep 1000");
    const { run } = await agent.running("svc");
    await agent.create("svc", "echo one; sleep 1000");
    const before = await agent.info("svc");
    assert.equal(before.run?.pid, run?.pid);
    await agent.create("svc", "echo two; sleep 1000");
    const after = await agent.info("svc");
    assert.equal(statusOf(after), "stopped");
    assert.match(after.configHash, /^[0-9a-f]{12}$/);
    await agent.create("svc", "echo one; sleep 1000");
    assert.deepEqual(
      [before.configHash === after.configHash, (await agent.info("svc")).configHash],
      [false, before.configHash],
    );
    assert.equal(alive(run!.pid), false);
    await agent.jobs.startJob({ name: "svc" });
    await agent.running("svc");
    await agent.jobs.deleteJob({ name: "svc" });
    assert.match(await codeOf(agent.jobs.getJob({ name: "svc" })), /^job-not-found/);
    await assert.rejects(stat(agent.jobFolder("svc")));
  });

  test("run_as: user, group, supplementary groups, HOME, USER, LOGNAME; an unknown user is said", async () => {
    await mkdir(join(agent.root, "etc"), { recursive: true });
    await writeFile(join(agent.root, "etc/passwd"), await readFile("/etc/passwd"));
    await chmod(agent.root, 0o755);
    await agent.run(
      "nobody",
      'id -u; id -g; echo "$HOME $USER $LOGNAME"; echo "{\\"current\\":1}" > $BABEL_JOB_DIR/progress.json',
      {
        runAs: "nobody",
      },
    );
    const job = await agent.finished("nobody");
    assert.deepEqual(await agent.log("nobody"), ["65534", "65534", "/nonexistent nobody nobody"]);
    assert.equal(statusOf(job), "finished(0)");
    assert.equal((await agent.info("nobody")).progress?.current, 1);
    await agent.run("ghost", "true", { runAs: "ghost" });
    assert.equal((await agent.finished("ghost")).lastFailure, "cant run as a 'ghost': user not found");
  });

  test("progress: rate and time to go; nonsense is no progress", async () => {
    const script =
      'for i in 10 20 30; do echo "{\\"total\\":100,\\"current\\":$i}" > $BABEL_JOB_DIR/progress.json; sleep 0.2; done; sleep 1000';
    await agent.run("steps", script);
    let seen = 0;
    await until(async () => {
      const { progress } = await agent.info("steps");
      if (progress !== undefined) seen = progress.current;
      return seen === 30 && progress?.rate !== undefined;
    }, "progress with a rate");
    const { progress } = await agent.info("steps");
    assert.equal(progress?.total, 100);
    assert.ok(progress.rate! > 10 && progress.rate! < 200, `${progress.rate}`);
    assert.ok(progress.eta !== undefined);
    await writeFile(join(agent.jobFolder("steps"), "progress.json"), '{"total":0,"message":5}');
    assert.equal((await agent.info("steps")).progress, undefined);
    // Nor what a link leads to. (§9.7)
    const file = join(agent.jobFolder("steps"), "progress.json");
    await writeFile(join(agent.root, "elsewhere.json"), '{"total":9,"current":9}');
    await rm(file);
    await symlink(join(agent.root, "elsewhere.json"), file);
    assert.equal((await agent.info("steps")).progress, undefined);
    await agent.jobs.stopJob({ name: "steps" });
  });

  test("babel progress: the helper for scripts, in any words; also for a job that is not root", async () => {
    const helper = join(agent.root, "usr/bin/babel");
    await agent.run("told", `${helper} progress 3 8 'he said "50 %" \\ and\tleft'; ${helper} progress x; echo $?`);
    await agent.finished("told");
    const { progress } = await agent.info("told");
    assert.deepEqual([progress?.current, progress?.total], [3, 8]);
    assert.equal(progress?.message, 'he said "50 %" \\ and left');
    const usage = "usage, in a job's script: babel progress CURRENT [TOTAL] [MESSAGE]";
    assert.deepEqual(await agent.log("told"), [usage, "2"]);
    await chmod(dirname(bundle.folder), 0o755);
    await agent.run("small", `${helper} progress 0.5`, { runAs: "nobody" });
    assert.equal(statusOf(await agent.finished("small")), "finished(0)");
    assert.equal((await agent.info("small")).progress?.current, 0.5);
    await writeFile(helper, "#!/bin/sh\n# of the image\n");
    await agent.setup();
    assert.equal(await readFile(helper, "utf8"), "#!/bin/sh\n# of the image\n");
  });

  test("one-time jobs run once, also across an upgrade that loses the rootfs (T-26)", async () => {
    await agent.run("once", "echo ran; exit 4", { oneTime: true });
    await agent.finished("once");
    await agent.jobs.deleteJob({ name: "once" });
    await agent.run("once", "echo ran; exit 4", { oneTime: true });
    const job = await agent.finished("once");
    assert.equal(statusOf(job), "finished(4)");
    assert.deepEqual(await agent.log("once"), []);
    const backup = join(agent.root, "blockjoy/.babel_jobs/once");
    assert.deepEqual((await readdir(join(backup, "details"))).sort(), ["config.json", "log"]);
    assert.equal(await readFile(join(backup, "details/log"), "utf8"), "ran\n");

    await agent.run("cut", "sleep 1000", { oneTime: true });
    await agent.running("cut");
    await agent.jobs.stopJob({ name: "cut" });
    await agent.jobs.startJob({ name: "cut" });
    assert.equal((await agent.finished("cut")).lastFailure, "one-time job started, but not finished");

    // Its author says that it may be repeated; what has ended by itself is not, however it ended. (plugin-api §4)
    const repeatable = {
      oneTime: true,
      restart: { policy: { case: "onFailure" as const, value: quick(0) } },
    };
    await agent.run(
      "repeatable",
      "[ -e $BABEL_JOB_DIR/cut ] && exit 5; touch $BABEL_JOB_DIR/cut; exec sleep 1000",
      repeatable,
    );
    await until(
      () =>
        stat(join(agent.jobFolder("repeatable"), "cut")).then(
          () => true,
          () => false,
        ),
      "the job's mark",
    );
    await agent.jobs.stopJob({ name: "repeatable" });
    await agent.jobs.startJob({ name: "repeatable" });
    assert.equal(statusOf(await agent.finished("repeatable")), "finished(5)");
    await agent.jobs.startJob({ name: "repeatable" });
    assert.deepEqual(
      [statusOf(await agent.finished("repeatable")), (await agent.info("repeatable")).run?.number],
      ["finished(5)", 2n],
    );

    // Whether it ran or not: who skips it does not want it in this node. (§3.8)
    for (const [name, run] of [
      ["never", false],
      ["skipped", true],
    ] as const) {
      const job = { oneTime: true };
      if (run) {
        await agent.run(name, "sleep 1000", job);
        await agent.running(name);
      } else await agent.create(name, "echo ran", job);
      await agent.jobs.skipJob({ name });
      await agent.jobs.deleteJob({ name });
      await agent.run(name, "echo ran; exit 4", job);
      assert.equal(statusOf(await agent.finished(name)), "finished(0)");
      assert.deepEqual(await agent.log(name), []);
    }
  });

  test("a one-time job that was reset runs once more; not while it runs, and no other job has a run to forget", async () => {
    const name = "again";
    await agent.run(name, "echo ran; [ -e $BABEL_JOB_DIR/stay ] && exec sleep 1000; exit 4", { oneTime: true });
    await agent.finished(name);
    await agent.jobs.resetJob({ name });
    assert.deepEqual([statusOf(await agent.info(name)), (await agent.info(name)).lastFailure], ["stopped", ""]);
    assert.deepEqual(await readdir(join(agent.root, "blockjoy/.babel_jobs", name)), []);
    await writeFile(join(agent.jobFolder(name), "stay"), "");
    await agent.jobs.startJob({ name });
    await agent.running(name);
    assert.equal(await codeOf(agent.jobs.resetJob({ name })), "job-active: can't reset active job 'again'");
    await agent.jobs.stopJob({ name });
    await agent.jobs.startJob({ name });
    assert.equal((await agent.finished(name)).lastFailure, "one-time job started, but not finished");
    assert.equal((await agent.info(name)).run?.number, 2n);

    await agent.create("ordinary", "true");
    assert.match(await codeOf(agent.jobs.resetJob({ name: "ordinary" })), /^job-not-one-time/);
    assert.match(await codeOf(agent.jobs.resetJob({ name: "nope" })), /^job-not-found: can't reset/);
  });

  test("protocol data: nothing uses it while a download is incomplete; the lock is touched by use only", async () => {
    assert.equal((await agent.babel.getProtocolDataState({})).initialized, false);
    await agent.run("download", "exit 1");
    await agent.finished("download");
    const begun = await agent.babel.getProtocolDataState({});
    assert.deepEqual([begun.incomplete, begun.stamp, begun.initialized], [true, undefined, false]);
    await agent.run("user", "true", { useProtocolData: true });
    assert.match((await agent.finished("user")).lastFailure, /uses protocol data, but that is incomplete/);

    await agent.jobs.cleanupJob({ name: "download" });
    assert.equal((await agent.babel.getProtocolDataState({})).incomplete, false);

    await agent.run("download", "exit 0");
    await agent.finished("download");
    const complete = await agent.babel.getProtocolDataState({});
    assert.deepEqual(
      [complete.incomplete, complete.complete?.source, complete.initialized],
      [false, "alternative-download", true],
    );
    assert.equal(complete.stamp, undefined);
    await agent.jobs.startJob({ name: "download" });
    const again = await agent.finished("download");
    assert.deepEqual([statusOf(again), again.run?.number], ["finished(0)", 2n], "what is complete is not made again");
    await agent.run("user", "true", { useProtocolData: true });
    assert.equal(statusOf(await agent.finished("user")), "finished(0)");
    const used = await agent.babel.getProtocolDataState({});
    assert.ok(used.stamp !== undefined);
    await agent.jobs.startJob({ name: "user" });
    await agent.reaches("user", (job) => job.run?.number === 2n && statusOf(job) === "finished(0)");
    assert.notEqual((await agent.babel.getProtocolDataState({})).generation, used.generation);
  });

  test("leftovers of the run before are ended before the next one begins", async () => {
    const restart = { policy: { case: "onFailure" as const, value: quick(1) } };
    await agent.run("forks", "(setsid sleep 1000 & echo $!); exit 1", { restart });
    await agent.finished("forks");
    const [first, second] = (await agent.log("forks")).map(Number);
    assert.deepEqual([alive(first!), alive(second!)], [false, true]);
    const patience = async () => (await agent.jobs.getStopTimeout({ name: "forks" })).timeout?.seconds;
    assert.equal(await patience(), 60n, "they are given their time, too");
    await agent.jobs.stopJob({ name: "forks" });
    assert.equal(alive(second!), false);
    assert.equal(await patience(), 0n);
  });

  test("a run whose supervisor is killed is noticed, its payload ended, and it restarts", async () => {
    await agent.run("lost", "echo $$; sleep 1000", { restart: { policy: { case: "always", value: quick() } } });
    const { run } = await agent.running("lost");
    const shim = await readFile(join(agent.jobFolder("lost"), "runs/1/shim"), "utf8");
    process.kill(Number(shim.split(" ")[0]), "SIGKILL");
    const job = await agent.reaches("lost", (each) => each.run?.number === 2n && (each.run?.pid ?? 0) > 0);
    assert.deepEqual([job.runnerRestarts, alive(run!.pid)], [1, false]);
    assert.match(job.lastFailure, /was lost: its supervising process/);
    await agent.jobs.stopJob({ name: "lost" });
  });

  test("retain deletes the jobs of an older plugin", async () => {
    const names = (await agent.jobs.listJobs({})).jobs.map((job) => job.name);
    const { deleted } = await agent.jobs.retainJobs({ names: ["env"] });
    assert.deepEqual(
      deleted,
      names.filter((name) => name !== "env"),
    );
    assert.deepEqual(await readdir(join(agent.root, "var/lib/babel/jobs")), ["env"]);
  });

  test("64 jobs are the limit, also when they are made at once (T-28)", async () => {
    const made = await Promise.allSettled(Array.from({ length: 65 }, (_, i) => agent.create(`n${i}`, "true")));
    const refused = made.flatMap((each) => (each.status === "rejected" ? [String(each.reason)] : []));
    assert.deepEqual(
      refused,
      Array(2).fill("ConnectError: [resource_exhausted] Exceeded max number of supported jobs: 64"),
    );
    assert.equal(
      await codeOf(agent.create("toomany", "true")),
      "job-limit-exceeded: Exceeded max number of supported jobs: 64",
    );
    await agent.jobs.retainJobs({ names: [] });
  });

  test("stop all and shutdown: dependents first, in parallel, running jobs come back with the next setup", async () => {
    const script = (name: string) =>
      `trap 'echo ${name} >> ${agent.root}/order; exit 0' TERM; echo up; while :; do sleep 0.02; done`;
    await agent.create("db", script("db"));
    await agent.create("api", script("api"), { waitFor: ["gate"] });
    await agent.create("gate", "true", { waitFor: [] });
    await agent.create("idle", script("idle"));
    for (const name of ["db", "gate", "api"]) await agent.jobs.startJob({ name });
    await until(async () => (await agent.log("db")).length + (await agent.log("api")).length === 2, "both are up");
    await agent.create("gate", "true", { waitFor: ["db"] });
    const { timeout } = await agent.babel.getShutdownTimeout({});
    assert.equal(timeout?.seconds, 135n);
    await agent.babel.shutdown({ force: false });
    assert.equal(await readFile(join(agent.root, "order"), "utf8"), "api\ndb\n");
    assert.deepEqual(
      (await agent.jobs.listJobs({})).jobs.map((job) => `${job.name} ${statusOf(job)}`),
      ["api pending", "db pending", "gate stopped", "idle stopped"],
    );
    assert.match(await codeOf(agent.jobs.startJob({ name: "idle" })), /^not-ready/);
    await agent.jobs.deleteJob({ name: "gate" });
    await agent.create("gate", "true").catch(() => undefined);
    await agent.setup();
    await agent.running("db");
    await agent.jobs.stopAllJobs({});
    await delay(0);
    assert.ok((await agent.jobs.listJobs({})).jobs.every((job) => statusOf(job) !== "running"));
  });
});
