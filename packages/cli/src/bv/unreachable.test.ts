import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { runCli, TemporaryDirectory } from "../testing/cli-process.ts";

test("a machine that was never set up is told what to do, before anything else", async () => {
  using root = new TemporaryDirectory();
  const { status, stdout, stderr } = await runCli("bv", ["node", "ls"], { env: { BV_ROOT: root.path } });
  assert.deepEqual(
    { status, stdout, stderr },
    {
      status: 1,
      stdout: "",
      stderr:
        "Error: Host is not registered, please run `bvup` first (BV906)\n" +
        `  cause: ${root.path}/etc/blockvisor.json does not exist\n` +
        "  next:  `bvup TOKEN` registers this machine; `bvup --help` shows how\n",
    },
  );
});

test("a daemon that does not run has its own exit code, also where only the backup of its configuration is left", async () => {
  using root = new TemporaryDirectory();
  mkdirSync(join(root.path, "etc"));
  writeFileSync(join(root.path, "etc/blockvisor.json_bak"), "{}");
  const env = { BV_ROOT: root.path };
  const socket = join(root.path, "run/blockvisor/blockvisord.sock");
  const { status, stdout, stderr } = await runCli("bv", ["n", "ls", "--format=json"], { env });
  assert.deepEqual(
    { status, stdout, stderr: JSON.parse(stderr) },
    {
      status: 4,
      stdout: "",
      stderr: {
        error: {
          code: "BV901",
          message: `cannot reach blockvisord at ${socket}`,
          hint: "start it with `bv start`; `journalctl -u blockvisor -fn 50` shows its log",
          causes: [`connect ENOENT ${socket}`],
        },
      },
    },
  );
  assert.deepEqual(await runCli("bv", ["status"], { env }), { status: 0, stdout: "Service stopped\n", stderr: "" });
});

test("usage errors are exit code 2 and name the help to read", async () => {
  const cases = [
    [["node", "xyzzy"], "Error: unknown command 'xyzzy' (BV001)\n  next:  `bv node --help` shows how it is used\n"],
    [
      ["node", "ls", "--xyzzy"],
      "Error: unknown option '--xyzzy' (BV001)\n  next:  `bv node list --help` shows how it is used\n",
    ],
    [["node"], "Error: a command is missing (BV001)\n  next:  `bv node --help` shows how it is used\n"],
    [
      ["n", "run"],
      "Error: missing required argument 'method' (BV001)\n  next:  `bv node run --help` shows how it is used\n",
    ],
    [
      ["n", "ls", "--format", "xml"],
      "Error: option '--format <format>' argument 'xml' is invalid. Allowed choices are text, json. (BV001)\n  next:  `bv node list --help` shows how it is used\n",
    ],
  ] as const;
  for (const [args, stderr] of cases) assert.deepEqual(await runCli("bv", args), { status: 2, stdout: "", stderr });
});
