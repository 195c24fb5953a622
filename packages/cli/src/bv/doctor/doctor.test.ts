import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { runCli, TemporaryDirectory } from "../../testing/cli-process.ts";
import { startDaemonProcess } from "../../testing/daemon-process.ts";
import type { Finding } from "./finding.ts";

/** On machines as they really break, made below a root of our own. */
const folder = new TemporaryDirectory();
after(() => folder[Symbol.dispose]());

interface Report {
  readonly healthy: boolean;
  readonly errors: number;
  readonly findings: readonly Finding[];
}

let roots = 0;

function newRoot(config?: object): string {
  const root = join(folder.path, `root-${(roots += 1)}`);
  mkdirSync(join(root, "etc"), { recursive: true });
  if (config) writeFileSync(join(root, "etc/blockvisor.json"), JSON.stringify(config), { mode: 0o600 });
  return root;
}

async function examine(root: string, env: Readonly<Record<string, string>> = {}) {
  const { status, stdout, stderr } = await runCli("bv", ["doctor", "--format", "json"], {
    env: { BV_ROOT: root, ...env },
  });
  const report = JSON.parse(stdout) as Report;
  const of = (check: string) => report.findings.filter((finding) => finding.check === check);
  return { status, report, stderr, of };
}

/** A folder for PATH with every program of the machine but these. */
function pathWithout(...missing: readonly string[]): string {
  const bin = mkdtempSync(join(folder.path, "bin-"));
  for (const from of ["/usr/local/bin", "/usr/local/sbin", "/usr/bin", "/usr/sbin"]) {
    for (const name of readdirSync(from)) {
      if (missing.includes(name)) continue;
      try {
        symlinkSync(join(from, name), join(bin, name));
      } catch {
        // The first folder of a PATH wins.
      }
    }
  }
  return bin;
}

async function mounted<T>(options: readonly string[], work: (place: string) => Promise<T>): Promise<T> {
  const place = mkdtempSync(join(tmpdir(), "bv-doctor-test-"));
  execFileSync("mount", ["-t", "tmpfs", ...options, "tmpfs", place]);
  try {
    return await work(place);
  } finally {
    execFileSync("umount", [place]);
    rmSync(place, { recursive: true });
  }
}

test("a machine that can run nodes is healthy, and nothing is left of the examination", async () => {
  const root = newRoot({ mode: "dev", iface: `bvd${process.pid}`, disk_limit: "image" });
  mkdirSync(join(root, "var/lib/blockvisor"), { recursive: true });
  const { status, report, of } = await examine(root);
  assert.deepEqual(
    report.findings.filter(({ level }) => level === "error"),
    [],
  );
  assert.deepEqual([status, report.healthy, report.errors], [0, true, 0]);
  assert.match(of("runtime")[0]?.message ?? "", /runs containers$/);
  assert.equal(of("overlay")[0]?.level, "ok");
  assert.match(of("disk-limit")[0]?.message ?? "", /^each new node gets a file system of its own/);
  assert.match(of("agent")[0]?.message ?? "", /^babel .* on Node v24/);
  assert.deepEqual(readdirSync(join(root, "var/lib/blockvisor")), []);
  assert.equal(execFileSync("nft", ["list", "tables"], { encoding: "utf8" }).includes("bv_doctor"), false);
});

test("for people: one line each, the fix below what is wrong, and the exit code", async () => {
  const env = { BV_ROOT: newRoot({ mode: "dev" }), PATH: pathWithout("runc", "crun", "apptainer", "skopeo") };
  const { status, stdout, stderr } = await runCli("bv", ["doctor"], { env });
  assert.equal(status, 1);
  assert.match(stdout, /^error {3}tools +not installed: skopeo\n +fix: apt-get install skopeo$/m);
  assert.match(
    stdout,
    /^error {3}runtime +neither crun, runc nor apptainer is installed\n +fix: apt-get install crun$/m,
  );
  assert.match(stderr, /nodes cannot run on this machine as it is: 2 errors/);
});

test("a runtime the configuration wants, but the machine has not", async () => {
  const { status, of, stderr } = await examine(newRoot({ mode: "dev", runtime: "apptainer" }), {
    PATH: pathWithout("apptainer"),
  });
  assert.deepEqual([status, of("runtime").at(-1)?.fix], [1, "install apptainer 1.4"]);
  assert.equal(JSON.parse(stderr).error.code, "BV300");
});

test("a runtime that is installed, but too old, or runs nothing on this machine", async () => {
  for (const [version, said, reason] of [
    ["1.1.9", "not asked", "version 1.1 is older than 1.3"],
    ["1.4.2", "FATAL:   container creation failed: no", "FATAL:   container creation failed: no"],
  ]) {
    const bin = pathWithout("apptainer");
    const script = `#!/bin/sh\n[ "$1" = --version ] && exec echo apptainer version ${version}\necho '${said}' >&2\nexit 255\n`;
    writeFileSync(join(bin, "apptainer"), script, { mode: 0o755 });
    const { status, of } = await examine(newRoot({ mode: "dev", runtime: "apptainer" }), { PATH: bin });
    const { level, message, fix } = of("runtime").at(-1) ?? {};
    assert.deepEqual([status, level, message], [1, "error", `apptainer runs no container: ${reason}`]);
    assert.match(fix ?? "", /^install apptainer 1\.4 and see .* or write "runtime": "oci"/);
  }
});

test("a file system that could keep nodes to their size, were its quotas on", async () => {
  const root = newRoot({ mode: "dev" });
  const state = join(root, "var/lib/blockvisor");
  mkdirSync(state, { recursive: true });
  execFileSync("truncate", ["-s", "200M", join(root, "disk")]);
  execFileSync("mkfs.btrfs", ["-q", join(root, "disk")]);
  execFileSync("mount", ["-o", "loop", join(root, "disk"), state]);
  try {
    const [off] = (await examine(root)).of("disk-limit");
    assert.deepEqual([off?.level, off?.fix], ["warning", `apt-get install btrfs-progs && btrfs quota enable ${state}`]);
    execFileSync("btrfs", ["quota", "enable", state]);
    const [on] = (await examine(root)).of("disk-limit");
    assert.deepEqual(
      [on?.level, on?.message],
      ["ok", `btrfs keeps each new node to its size: quotas are on at ${state}`],
    );
  } finally {
    execFileSync("umount", [state]);
  }
});

test("a disk that is full, and one that is mounted read-only", async () => {
  await mounted(["-o", "size=64k"], async (place) => {
    writeFileSync(join(place, "fill"), Buffer.alloc(60 * 1024));
    const { of } = await examine(place);
    assert.deepEqual([of("disk")[0]?.level, of("disk-space")[0]?.level], ["error", "error"]);
    assert.match(of("disk")[0]?.message ?? "", /cannot be written: .*(ENOSPC|takes no more)/);
  });
  await mounted(["-o", "ro"], async (place) => {
    const { of } = await examine(place);
    assert.match(of("disk")[0]?.fix ?? "", /mounted read-only: .* remount,rw/);
    assert.equal(of("overlay")[0]?.level, "warning");
  });
});

test("secrets that others can read, and a configuration that is none", async () => {
  const root = newRoot({ mode: "dev", token: "secret" });
  const path = join(root, "etc/blockvisor.json");
  chmodSync(path, 0o644);
  const { of } = await examine(root);
  assert.deepEqual(of("permissions"), [
    { check: "permissions", level: "error", message: `${path}: its mode is 0644`, fix: `chmod 0600 ${path}` },
  ]);
  writeFileSync(path, '{"mode": ');
  const broken = await examine(root);
  assert.match(broken.of("config")[0]?.message ?? "", /blockvisor\.json cannot be used: .*JSON/);
});

test("an agent that is missing, or incomplete", async () => {
  const root = newRoot({ mode: "dev" });
  const directory = join(folder.path, "agent");
  mkdirSync(join(directory, "1"), { recursive: true });
  const missing = await examine(root, { BV_AGENT_DIR: directory });
  assert.match(missing.of("agent")[0]?.message ?? "", /^no agent\.json in /);
  writeFileSync(join(directory, "agent.json"), JSON.stringify({ version: "1", files: [{ path: "1/node", size: 10 }] }));
  writeFileSync(join(directory, "1/node"), "short");
  const cut = await examine(root, { BV_AGENT_DIR: directory });
  assert.equal(cut.of("agent")[0]?.message, `incomplete: ${join(directory, "1/node")}`);
});

test("a bridge that is none", async () => {
  const { of } = await examine(newRoot({ mode: "dev", iface: "lo" }));
  assert.match(of("bridge")[0]?.message ?? "", /lo is a network interface, but no bridge/);
});

test("an API whose clock is another, and one that does not answer", async (t) => {
  const api = createServer((_, response) => {
    response.sendDate = false;
    response.writeHead(404, { date: new Date(Date.now() + 3600_000).toUTCString() }).end();
  });
  await new Promise<void>((resolve) => api.listen(0, "127.0.0.1", resolve));
  t.after(() => api.close());
  const url = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
  const root = newRoot({ nodexeus_api_url: url });
  const skewed = await examine(root);
  assert.deepEqual([skewed.of("api")[0]?.level, skewed.of("clock")[0]?.level], ["ok", "error"]);
  assert.match(skewed.of("clock")[0]?.message ?? "", /3(599|600) s behind the API's$/);
  await new Promise((resolve) => api.close(resolve));
  const away = await examine(root);
  assert.match(away.of("api")[0]?.message ?? "", /does not answer: .*ECONNREFUSED/);
});

test("a daemon that runs, with its socket as it should be", async () => {
  const daemon = await startDaemonProcess();
  try {
    const { report, of } = await examine(daemon.root);
    assert.match(of("daemon")[0]?.message ?? "", /^blockvisord-dev .* runs, with 0 of 0 nodes running$/);
    assert.deepEqual(
      report.findings.filter(({ check, level }) => check === "permissions" && level !== "ok"),
      [],
    );
    chmodSync(join(daemon.root, "run/blockvisor/blockvisord.sock"), 0o666);
    assert.match(
      (await examine(daemon.root)).of("permissions").find(({ level }) => level === "error")?.fix ?? "",
      /^chmod 0660/,
    );
  } finally {
    await daemon.close();
  }
});
