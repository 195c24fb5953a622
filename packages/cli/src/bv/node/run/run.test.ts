import assert from "node:assert/strict";
import { test } from "node:test";
import { runCli } from "../../../testing/cli-process.ts";
import { StandInDaemon } from "../../../testing/stand-in-daemon.ts";

const job = (name: string, needs: readonly string[], exitCode?: number) => ({
  name,
  needs,
  ...(exitCode === undefined ? { state: "JOB_STATE_RUNNING" } : { state: "JOB_STATE_FINISHED", exitCode }),
});

/** A node whose upload has a stage after it, which ends while it is looked at. */
function uploading(sealed: number) {
  let looks = 0;
  return ({ method, message }: { readonly method: string; readonly message: Readonly<Record<string, unknown>> }) => {
    if (method === "RunFunction") return { value: "null" };
    const seal = () => job("seal", ["upload"], looks < 1 ? undefined : sealed);
    if (method === "ListJobs") return { jobs: [job("chain", []), seal(), job("upload", ["prepare"], 0)] };
    if (message["job"] === "upload") return job("upload", ["prepare"], 0);
    looks += 1;
    return seal();
  };
}

test("an upload is waited for with the stages that come after it; one that fails, fails the command", async () => {
  await using daemon = await StandInDaemon.start(uploading(0));
  const done = await runCli("bv", ["node", "run", "upload", "me", "--wait", "--format", "json"], daemon);
  assert.deepEqual([done.status, done.stderr], [0, ""]);
  const { value, jobs } = JSON.parse(done.stdout);
  assert.deepEqual(
    [value, jobs.map(({ name, exit_code }: { name: string; exit_code: number }) => [name, exit_code])],
    [
      "null",
      [
        ["seal", 0],
        ["upload", 0],
      ],
    ],
  );
  const asked = daemon.requests.filter(({ method }) => method === "GetJob").map(({ message }) => message["job"]);
  assert.deepEqual(asked, ["upload", "seal"]);

  await using other = await StandInDaemon.start(uploading(7));
  const failed = await runCli("bv", ["node", "run", "upload", "me", "--wait"], other);
  assert.equal(failed.status, 1);
  assert.match(failed.stderr, /^Error: job 'seal' has failed: Finished with exit code 7 \(BV\d+\)$/m);
});

test("only an upload goes on after its function has returned", async () => {
  await using daemon = await StandInDaemon.start(() => ({}));
  const { status, stderr } = await runCli("bv", ["node", "run", "height", "me", "--wait"], daemon);
  assert.deepEqual([status, daemon.requests, /^Error: --wait is for what goes on/.test(stderr)], [2, [], true]);
});

test("a parameter comes from a pipe, and is shown to nobody (S13)", async () => {
  await using daemon = await StandInDaemon.start(() => ({ value: "ok" }));
  const args = ["node", "run", "login", "me", "--param-file", "-", "-vvv"];
  const { status, stdout, stderr } = await runCli("bv", args, { ...daemon, env: daemon.env, input: "the password" });
  assert.deepEqual([status, stdout], [0, "ok\n"]);
  assert.deepEqual(daemon.requests, [
    { method: "RunFunction", message: { node: "me", function: "login", param: "the password" } },
  ]);
  assert.match(stderr, /→ RunFunction \{"node":"me","function":"login","param":"\*\*\*"\}/);
});

test("a job is started by force when that was said, and only then; a restart is a stop and a start", async () => {
  await using daemon = await StandInDaemon.start(() => job("web", []));
  for (const force of [["--force"], []]) {
    const { status, stderr } = await runCli("bv", ["node", "job", "start", "web", "me", ...force], daemon);
    assert.equal(status, 0, stderr);
  }
  assert.deepEqual(
    daemon.requests.map(({ message }) => message),
    [
      { node: "me", job: "web", force: true },
      { node: "me", job: "web" },
    ],
  );
  const { status } = await runCli("bv", ["node", "job", "me", "restart", "web"], daemon);
  const last = daemon.requests.slice(2).map(({ method, message }) => [method, message["job"], status]);
  assert.deepEqual(last, [
    ["StopJob", "web", 0],
    ["StartJob", "web", 0],
  ]);
});
