import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, cpSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { findBuiltWorker, type PluginEngine, PluginWorkers, StubEngine, sampleNodeEnv } from "@blockvisor/plugin";
import { until } from "../testbed/until.ts";
import { FIRST_WORKER_ID, sandboxed } from "./sandbox.ts";
import { sandboxWorkers } from "./worker-sandbox.ts";

/* Needs root, and what ./dev build makes. */

const agent = process.env["BV_AGENT_DIR"] ?? join(import.meta.dirname, "../../../../dist/agent");
const node = { env: sampleNodeEnv({ version: "1.0.0", protocol: "p", variant: "v" }), params: {} };
const engineWith = (overrides: Partial<PluginEngine>): PluginEngine => Object.assign(new StubEngine(node), overrides);

const workers = new PluginWorkers({ command: (await sandboxWorkers([agent])).command });
after(() => workers.close());

const of = (pid: number | string, file: string): string => readFileSync(`/proc/${pid}/${file}`, "utf8");
const namespaceOf = (pid: number | string, kind: string): string => readlinkSync(`/proc/${pid}/ns/${kind}`);

test("a worker that runs a script has nothing but its pipes", async () => {
  assert.equal((await sandboxWorkers([agent])).against, undefined);
  const plugin = await workers.load({ "main.rhai": 'fn f() { run_sh("x").unwrap() }' });
  const look = async () => {
    const [pid] = workers.pids;
    assert.ok(pid);
    const status = Object.fromEntries(
      of(pid, "status")
        .split("\n")
        .map((line) => line.split(":\t").map((word) => word.trim()) as [string, string]),
    );
    const id = FIRST_WORKER_ID + (pid & 0xffff);
    const ids = Array(4).fill(id).join("\t");
    const { Uid, Gid, Groups, CapInh, CapPrm, CapEff, CapBnd, CapAmb, NoNewPrivs, Seccomp } = status;
    const none = "0".repeat(16);
    assert.deepEqual(
      { Uid, Gid, Groups, CapInh, CapPrm, CapEff, CapBnd, CapAmb, NoNewPrivs, Seccomp },
      {
        ...{ Uid: ids, Gid: ids, Groups: "", CapInh: none, CapPrm: none, CapEff: none, CapBnd: none, CapAmb: none },
        ...{ NoNewPrivs: "1", Seccomp: "2" },
      },
    );
    for (const kind of ["net", "mnt", "ipc"]) assert.notEqual(namespaceOf(pid, kind), namespaceOf("self", kind));
    assert.deepEqual(
      of(pid, "net/dev")
        .split("\n")
        .slice(2)
        .map((line) => line.trim().split(":")[0]),
      ["lo", ""],
    );
    const mounts = of(pid, "mountinfo")
      .trim()
      .split("\n")
      .map((line) => line.split(" ").slice(4, 6));
    assert.equal(mounts.length, 1);
    assert.equal(mounts[0]?.[0], "/");
    assert.match(mounts[0]?.[1] ?? "", /^ro,nosuid,nodev\b/);
    const open = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
    const others = open.filter((target) => !/^(socket|pipe|anon_inode):/.test(target));
    assert.deepEqual(others, []);
    assert.deepEqual([of(pid, "environ"), of(pid, "oom_score_adj")], ["", "500\n"]);
    return { exitCode: 0, stdout: "looked", stderr: "" };
  };
  assert.equal(await plugin.call("f", "", engineWith({ runSh: look })), "looked");
});

/** What a script could try that has got out of its interpreter: what it gets, or why it does not. */
const HOSTILE = `
const fs = require("fs");
const got = {};
const attempt = (name, work) => { try { got[name] = String(work()); } catch (error) { got[name] = error.code ?? error.message; } };
const [pid, port, path, secret] = process.argv.slice(1);
attempt("files", () => fs.readdirSync("/").sort());
attempt("secret", () => fs.readFileSync(secret));
attempt("climb", () => fs.readdirSync("/../../../.."));
attempt("write", () => fs.writeFileSync("/new", "x"));
attempt("change", () => fs.chmodSync("/node", 0o777));
attempt("proc", () => fs.readdirSync("/proc"));
const isFile = (fd) => { try { return fs.fstatSync(fd).isFile(); } catch { return false; } };
attempt("descriptors", () => Array.from({ length: 61 }, (_, fd) => fd + 3).filter(isFile).length);
attempt("daemon", () => process.kill(Number(pid), 0));
attempt("root", () => process.setuid(0));
attempt("spawn", () => { throw require("child_process").spawnSync("/node", ["-v"]).error });
attempt("environment", () => JSON.stringify(process.env));
const connect = (name, where) => new Promise((resolve) => {
  require("net").connect(where).on("connect", () => resolve((got[name] = "connected"))).on("error", (error) => resolve((got[name] = error.code)));
});
Promise.all([connect("tcp", { host: "127.0.0.1", port: Number(port) }), connect("socket", { path })]).then(() => console.log(JSON.stringify(got)));
`;

async function inSandbox(script: string, given: readonly string[] = []) {
  const root = findBuiltWorker(join(agent, "../plugin-worker"))?.directory ?? "";
  const [program, ...args] = sandboxed(root, [
    ...["/ld.so", "--library-path", "/lib", "/node", "-e"],
    script,
    ...given,
  ]);
  return promisify(execFile)(program, args, { env: { SECRET: "s" }, timeout: 60_000 });
}

test("who has got out of the interpreter finds no files, no network, no other process and no rights", async () => {
  const folder = await mkdtemp(join(tmpdir(), "bv-sandbox-"));
  const path = join(folder, "s.sock");
  const [tcp, unix] = [createServer(), createServer()];
  try {
    await Promise.all([once(tcp.listen(0, "127.0.0.1"), "listening"), once(unix.listen(path), "listening")]);
    const { port } = tcp.address() as { readonly port: number };
    const { stdout } = await inSandbox(HOSTILE, [String(process.pid), String(port), path, "/etc/shadow"]);
    assert.deepEqual(JSON.parse(stdout), {
      files: "ld.so,lib,node,worker.blob,worker.json",
      secret: "ENOENT",
      climb: "ld.so,lib,node,worker.blob,worker.json",
      write: "EROFS",
      change: "EROFS",
      proc: "ENOENT",
      descriptors: "0",
      daemon: "EPERM",
      root: "EPERM",
      spawn: "EPERM",
      environment: "{}",
      tcp: "EPERM",
      socket: "EPERM",
    });
  } finally {
    tcp.close();
    unix.close();
    await rm(folder, { recursive: true });
  }
});

test("whatever takes memory gets no more than half a gigabyte", async () => {
  const script = `const held = [];
    for (;;) { held.push(Buffer.alloc(1e7, 1)); require("fs").writeSync(1, held.length * 10 + "\\n"); }`;
  const { code, stdout } = (await inSandbox(script).catch((error: unknown) => error)) as Record<string, string>;
  const megabytes = Number(stdout?.trim().split("\n").at(-1));
  assert.ok(code !== undefined && megabytes > 100 && megabytes < 500, `${code} ${megabytes}`);
});

test("a daemon that is killed leaves no worker, whatever that does", async () => {
  const source = `
    import { PluginWorkers, StubEngine } from "@blockvisor/plugin";
    import { sandboxWorkers } from "${join(import.meta.dirname, "worker-sandbox.ts")}";
    const { command } = await sandboxWorkers([${JSON.stringify(agent)}]);
    const workers = new PluginWorkers({ command });
    const plugin = await workers.load({ "main.rhai": 'fn f() { run_sh("x"); loop { } }' });
    const engine = Object.assign(new StubEngine(${JSON.stringify(node)}), {
      runSh: async () => {
        console.log(workers.pids.join());
        return { exitCode: 0, stdout: "", stderr: "" };
      },
    });
    await plugin.call("f", "", engine);
  `;
  const daemon = spawn(process.execPath, ["--input-type=module", "-e", source], {
    cwd: import.meta.dirname,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [said] = (await once(daemon.stdout, "data")) as [Buffer];
  const pid = Number(said.toString());
  assert.match(of(pid, "cmdline"), /worker\.blob/);
  daemon.kill("SIGKILL");
  await until(async () => {
    try {
      return / Z /.test(of(pid, "stat"));
    } catch {
      return true;
    }
  });
});

test("where there can be no sandbox, a worker still has another user and Node's own permissions, and it is said why", async () => {
  // Its user cannot look into everybody's folders.
  const home = mkdtempSync(join(tmpdir(), "bv-readable-"));
  chmodSync(home, 0o755);
  cpSync(join(agent, "../plugin-worker"), join(home, "plugin-worker"), { recursive: true });
  const readable = join(home, "agent");
  const source = `
    import { PluginWorkers, StubEngine } from "@blockvisor/plugin";
    import { readFileSync } from "node:fs";
    import { sandboxWorkers } from "${join(import.meta.dirname, "worker-sandbox.ts")}";
    const { command, against } = await sandboxWorkers([${JSON.stringify(readable)}]);
    const workers = new PluginWorkers({ command });
    await workers.load({ "main.rhai": "" });
    const status = readFileSync("/proc/" + workers.pids[0] + "/status", "utf8");
    console.log(JSON.stringify({ against, uid: /^Uid:\\t(\\d+)/m.exec(status)[1], permission: command.argv.includes("--permission") }));
    await workers.close();
  `;
  const { stdout } = await promisify(execFile)(
    "setpriv",
    ["--bounding-set=-sys_admin", process.execPath, "--input-type=module", "-e", source],
    { cwd: import.meta.dirname, timeout: 60_000 },
  ).finally(() => rmSync(home, { recursive: true }));
  const { against, uid, permission } = JSON.parse(stdout);
  assert.deepEqual(
    [against, permission, Number(uid) >= FIRST_WORKER_ID],
    ["unshare: Operation not permitted", true, true],
  );
});

test("without a built worker the daemon says what to do", async () => {
  await assert.rejects(sandboxWorkers(["/nowhere/agent"]), {
    code: "failed",
    message: "the plugin worker that comes with blockvisord is not in /nowhere/plugin-worker",
    hint: "build it with `./dev setup`",
  });
});
