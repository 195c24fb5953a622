import assert from "node:assert/strict";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { isOperationError, runTool, type ToolOptions } from "@blockvisor/image/container";
import { createLauncher } from "./launcher.ts";

suite("the launcher", () => {
  const launcher = createLauncher();
  const directory = mkdtempSync(join(tmpdir(), "bv-launcher-"));
  after(() => rmSync(directory, { recursive: true }));
  const launch = (tool: string, args: readonly string[], options: ToolOptions = {}) =>
    runTool(tool, args, options, launcher.start);
  const parentOf = async () => Number((await launch("sh", ["-c", "echo $PPID"])).stdout);

  before(async () => {
    // Until it is ready, tools are started by this process.
    while ((await parentOf()) === process.pid);
  });

  test("a tool gets its words and its input, and what it says and how it ends comes back", async () => {
    const script = 'cat; printf "%s|" "$@" >&2; exit 3';
    const result = await launch("sh", ["-c", script, "sh", "a b", "", "ä\n"], { input: "in\0put", accept: [3] });
    assert.deepEqual(result, { exitCode: 3, stdout: "in\0put", stderr: "a b||ä\n|" });
  });

  test("much input and much output at once, of several tools", async () => {
    const input = Buffer.alloc(3_000_000, "0123456789abcdef\n");
    const results = await Promise.all([1, 2, 3].map(() => launch("cat", [], { input })));
    assert.ok(results.every(({ stdout }) => stdout === input.toString()));
    assert.equal((await launch("true", [], { input })).exitCode, 0);
  });

  test("input comes later; the input of one is not held open by another", async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    const lines = Promise.withResolvers<string>();
    const later = launch("sh", ["-c", "echo started; cat"], { input: promise, onLine: lines.resolve });
    assert.equal(await lines.promise, "started");
    const other = launch("perl", ["-esleep 60"], { timeoutMs: 60_000, signal: AbortSignal.abort() });
    await assert.rejects(other, { code: "aborted" });
    const stop = new AbortController();
    const sleeper = launch("perl", ['-e$| = 1; print "up\\n"; sleep 60'], {
      signal: stop.signal,
      onLine: () => resolve("late"),
    });
    assert.equal((await later).stdout, "started\nlate");
    stop.abort();
    await assert.rejects(sleeper, { code: "aborted" });
  });

  test("a tool that is missing, one that fails, one that is killed, one that takes too long", async () => {
    await assert.rejects(launch("bv-no-such-tool", []), { code: "tool-missing" });
    await assert.rejects(launch("sh", ["-c", "echo why >&2; exit 1"]), /failed with exit code 1: why/);
    await assert.rejects(launch("sh", ["-c", "kill -9 $$"]), /was killed by SIGKILL/);
    await assert.rejects(launch("sleep", ["60"], { timeoutMs: 50 }), { code: "tool-timeout" });
    await assert.rejects(launch("echo", ["a\0b"]), { code: "ERR_INVALID_ARG_VALUE" });
    await assert.rejects(launch(directory, []), (error) => isOperationError(error, "tool-failed"));
  });

  test("output and a lock are the descriptors of this process; the lock is held by the tool", async () => {
    const [output, lock] = [join(directory, "output"), join(directory, "lock")].map((path) => openSync(path, "a"));
    await runTool("flock", ["--nonblock", "3"], { inherit: [lock!] });
    const { promise, resolve } = Promise.withResolvers<string>();
    const options = { output: output!, inherit: [lock!], input: promise };
    const holder = launch("sh", ["-c", "echo said; echo also >&2; cat"], options);
    for (;;) {
      if (readFileSync(join(directory, "output"), "utf8") === "said\nalso\n") break;
      await new Promise((go) => setImmediate(go));
    }
    closeSync(lock!);
    const isHeld = () => runTool("flock", ["--nonblock", join(directory, "lock"), "true"], { accept: [0, 1] });
    assert.equal((await isHeld()).exitCode, 1);
    resolve("in");
    await holder;
    assert.equal((await isHeld()).exitCode, 0);
    assert.equal(readFileSync(join(directory, "output"), "utf8"), "said\nalso\nin");
    closeSync(output!);
  });

  test("a program of perl runs as one of its own", async () => {
    const text = 'my ($verb) = splice @ARGV, 0, 1; sub told { print "$verb @ARGV ", -t STDIN ? 1 : 0 } told(); ';
    assert.equal((await launch("perl", [`-e${text}`, "say", "a b"])).stdout, "say a b 0");
    await assert.rejects(launch("perl", [`-e${text} die "because\\n"`, "x"]), /exit code 255: because/);
    assert.equal((await launch("perl", [`-e${text} exec "sh", "-c", "echo \\$0"`, "x"])).stdout.slice(-3), "sh\n");
  });

  test("after it was killed, the next one takes over; a tool it had started is not taken for one that ended well", async () => {
    const pid = await parentOf();
    const waiting = launch("sleep", ["60"], { output: "ignore" });
    const sleeper = async () => readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
    while ((await sleeper()) === "");
    const left = Number(await sleeper());
    process.kill(pid, "SIGKILL");
    await assert.rejects(waiting, /the process that starts tools has ended/);
    process.kill(left, "SIGKILL");
    assert.equal((await launch("echo", ["on"])).stdout, "on\n");
    while ([process.pid, pid].includes(await parentOf()));
  });
});
