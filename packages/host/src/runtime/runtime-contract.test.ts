import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { release, tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { createNodeCgroups } from "../cgroups/index.ts";
import { until } from "../testbed/until.ts";
import { chooseRange } from "../user-namespace/index.ts";
import { childrenOf } from "./child-processes.ts";
import type { ContainerSpec, ExecSpec, InteractiveProcess } from "./index.ts";
import { isAlive, signalProcess } from "./index.ts";
import { createTestRuntime } from "./test-runtime.ts";

/** The contract every adapter has to keep; BV_TEST_RUNTIME=apptainer runs it against that one, =runc against OCI's second tool. */
const kind = (["apptainer", "runc"] as const).find((name) => name === process.env["BV_TEST_RUNTIME"]) ?? "oci";
/** Root of a container is somebody else on the machine. */
const idBase = chooseRange(new Set());
const directory = mkdtempSync(join(tmpdir(), "bv-runtime-"));
const cgroups = createNodeCgroups();
const runtime = createTestRuntime(kind, directory);
const created: string[] = [];
const namespace = `bv-test-${process.pid}`;
const agent = join(directory, "agent");

before(() => {
  mkdirSync(agent);
  cpSync("/usr/bin/busybox", join(agent, "busybox"));
  cpSync("/usr/bin/tini-static", join(agent, "tini"));
  execFileSync("ip", ["netns", "add", namespace]);
});

after(async () => {
  for (const nodeId of created) await runtime.delete(nodeId);
  execFileSync("ip", ["netns", "del", namespace]);
  rmSync(directory, { recursive: true, force: true });
});

/** A node whose image is one empty folder: everything it runs comes from the mounted agent. */
function node(name: string, change: Partial<ContainerSpec> = {}): ContainerSpec {
  const nodeId = `${name}-${process.pid}`;
  created.push(nodeId);
  const home = join(directory, "nodes", nodeId);
  for (const folder of ["rootfs", "data"]) mkdirSync(join(home, folder), { recursive: true });
  chownSync(join(home, "rootfs"), idBase, idBase);
  return {
    nodeId,
    idBase,
    rootfs: join(home, "rootfs"),
    init: [...supervisor, "sleep", "1000000"],
    env: { HELLO: "init" },
    hostname: `my_${name}`,
    network: { kind: "namespace", path: `/run/netns/${namespace}` },
    mounts: [
      { source: agent, destination: "/usr/lib/blockvisor", readOnly: true },
      { source: join(home, "data"), destination: "/blockjoy", readOnly: false },
    ],
    ramdisks: [],
    limits: {},
    logPath: join(home, "init.log"),
    ...change,
  };
}

const supervisor = ["/usr/lib/blockvisor/tini", "-s", "--", "/usr/lib/blockvisor/busybox"];
const busybox = (...argv: string[]): ExecSpec => ({ argv: ["/usr/lib/blockvisor/busybox", ...argv], env: {} });

/** Runs a shell script in the container and returns what it printed. */
async function inside(nodeId: string, script: string, more: Partial<ExecSpec> = {}): Promise<string> {
  const logPath = join(directory, "exec.log");
  rmSync(logPath, { force: true });
  // Commands of the script are applets of the shell itself.
  const identity = await runtime.exec(nodeId, { ...busybox("sh", "-c", script), ...more, logPath });
  await until(async () => !isAlive(identity));
  return readFileSync(logPath, "utf8").trim();
}

/** The same for several scripts in one process: starting one is what takes time. */
async function each<const Scripts extends readonly string[]>(
  nodeId: string,
  scripts: Scripts,
): Promise<{ readonly [index in keyof Scripts]: string }> {
  const said = await inside(nodeId, scripts.map((script) => `( ${script}\n) 2>&1; printf '\\036'`).join("\n"));
  const answers = said.split("\x1e").map((answer) => answer.trim());
  assert.equal(answers.length, scripts.length + 1, said);
  return answers.slice(0, -1) as unknown as { readonly [index in keyof Scripts]: string };
}

const leftovers = async (nodeId: string) => ({
  cgroups: (await cgroups.list()).filter((name) => name === nodeId),
  mounts: readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => line.includes(nodeId)),
  processes: await cgroups.processes(nodeId),
  record: existsSync(join(directory, "nodes", nodeId, "container.json")),
  bundles:
    existsSync(join(directory, "run", "bundles")) && readdirSync(join(directory, "run", "bundles")).includes(nodeId),
});
const nothing = { cgroups: [], mounts: [], processes: [], record: false, bundles: false };

test(`${kind}: the machine can run containers with it`, async () => {
  const probe = await runtime.probe();
  assert.ok(probe.usable, JSON.stringify(probe));
  assert.match(probe.version, /^\d+\.\d+/);
  assert.equal(await runtime.withoutUserNamespaces(), undefined);
});

/** A process of ours holds on to it, to be told of its end: the kernel says so of each descriptor. */
function isWatched(pid: number): boolean {
  return childrenOf(process.pid).some((child) => {
    try {
      const folder = `/proc/${child}/fdinfo`;
      return readdirSync(folder).some((fd) => readFileSync(join(folder, fd), "utf8").includes(`\nPid:\t${pid}\n`));
    } catch {
      return false; // It ended meanwhile.
    }
  });
}

test("how a container came to its end that nobody stopped", async () => {
  const spec = node("ended", { limits: { memoryBytes: 60_000_000 } });
  const { nodeId } = spec;
  assert.equal(await runtime.ended(nodeId), undefined);
  await runtime.create(spec);
  const init = await runtime.start(nodeId);
  assert.equal(await runtime.ended(nodeId), undefined);
  await until(async () => isWatched(init.pid));
  signalProcess(init, "SIGKILL");
  await until(async () => !isAlive(init));
  const { oomKills, exit } = (await runtime.ended(nodeId)) ?? {};
  // Before Linux 6.15 whoever collects it may be quicker than who looks at what is left.
  const [major = 0, minor = 0] = release().split(".").map(Number);
  const isAlwaysKnown = major > 6 || (major === 6 && minor >= 15);
  const killed = { kind: "killed", signal: 9 };
  assert.deepEqual([oomKills, isAlwaysKnown ? exit : (exit ?? killed)], [0, killed]);
  await runtime.stop(nodeId);
  assert.equal(await runtime.ended(nodeId), undefined);

  // Process 1 is not what the kernel kills for want of memory here, but it goes with what it waits for.
  // Not before the runtime itself, which is in there with it, has done its part.
  const hunger = [...supervisor, "sh", "-c", "until [ -e /blockjoy/go ]; do usleep 20000; done; tail /dev/zero"];
  await runtime.create({ ...spec, init: hunger, limits: { memoryBytes: 200_000_000 } });
  const hungry = await runtime.start(nodeId);
  writeFileSync(join(directory, "nodes", nodeId, "data", "go"), "");
  await until(async () => !isAlive(hungry));
  assert.ok(((await runtime.ended(nodeId))?.oomKills ?? 0) >= 1);
  await runtime.delete(nodeId);
});

test("create, start, stop, delete: each may be repeated, and nothing is left at the end", async () => {
  const spec = node("life");
  const { nodeId } = spec;
  assert.deepEqual(await runtime.state(nodeId), { kind: "absent" });
  await assert.rejects(runtime.start(nodeId), { code: "container-unknown" });
  await runtime.create(spec);
  await runtime.create(spec);
  assert.deepEqual(await runtime.state(nodeId), { kind: "stopped" });
  await assert.rejects(runtime.exec(nodeId, busybox("true")), { code: "container-not-running" });
  const init = await runtime.start(nodeId);
  assert.ok(isAlive(init));
  assert.deepEqual(await runtime.start(nodeId), init);
  assert.deepEqual(await runtime.state(nodeId), { kind: "running", init });
  await assert.rejects(runtime.create(spec), { code: "container-running" });
  await runtime.stop(nodeId);
  await runtime.stop(nodeId);
  assert.equal(isAlive(init), false);
  assert.deepEqual(await runtime.state(nodeId), { kind: "stopped" });
  const again = await runtime.start(nodeId);
  assert.notDeepEqual(again, init);
  await runtime.kill(nodeId);
  assert.equal(isAlive(again), false);
  await runtime.start(nodeId);
  await runtime.delete(nodeId);
  await runtime.delete(nodeId);
  assert.deepEqual(await runtime.state(nodeId), { kind: "absent" });
  assert.deepEqual(await leftovers(nodeId), nothing);
});

test("what a process in the container sees", async () => {
  process.env["BV_ROOT"] = "/must/not/leak";
  const spec = node("view", { ramdisks: [{ mountPoint: "/mnt/ram disk", sizeMb: 8 }] });
  writeFileSync(join(directory, "nodes", spec.nodeId, "data", "x"), "from the host");
  await runtime.create(spec);
  const { nodeId } = spec;
  await runtime.start(nodeId);
  delete process.env["BV_ROOT"];
  const bb = "/usr/lib/blockvisor/busybox";
  assert.equal(await inside(nodeId, "pwd; cat x", { cwd: "/blockjoy" }), "/blockjoy\nfrom the host");
  const environment = await inside(nodeId, `${bb} env`, { env: { HELLO: `exec "quoted" $HOME`, PATH: "/bin" } });
  assert.deepEqual(
    environment
      .split("\n")
      .filter(
        (line) => !/^(SHLVL|PWD|_|OLDPWD|HOME|APPTAINER|SINGULARITY|USER_PATH|LANG|PROMPT|PS1|TERM|LD_)/.test(line),
      )
      .sort(),
    [`HELLO=exec "quoted" $HOME`, "PATH=/bin"],
  );
  const [name, user, processes, first, written, ramdisk, , resolver] = await each(nodeId, [
    "hostname",
    "id -u",
    "cat /proc/[0-9]*/cmdline | tr '\\0' ' '",
    "tr '\\0' '\\n' </proc/1/environ",
    "touch /usr/lib/blockvisor/x",
    "df -P -m '/mnt/ram disk' | tail -n 1",
    "echo from the node >/blockjoy/y; echo kept >/kept",
    "cat /etc/resolv.conf",
  ]);
  assert.deepEqual([name, user], ["my-view", "0"]);
  assert.match(processes, / -s -- .* sleep 1000000/);
  assert.doesNotMatch(first, /BV_ROOT/);
  assert.match(written, /Read-only/);
  assert.match(ramdisk, /^tmpfs +8 /);
  assert.doesNotMatch(resolver, /can't open/);
  assert.equal(readFileSync(join(directory, "nodes", nodeId, "data", "y"), "utf8"), "from the node\n");
  assert.equal(readFileSync(join(spec.rootfs, "kept"), "utf8"), "kept\n");
  await runtime.delete(nodeId);
  assert.deepEqual(await leftovers(nodeId), nothing);
});

test("what a process in the container must not be able to do", async () => {
  const spec = node("jail");
  await runtime.create(spec);
  const { nodeId } = spec;
  await runtime.start(nodeId);
  const answers = await each(nodeId, [
    "cat /proc/self/status",
    "mkdir -p /m; mount -t tmpfs x /m; echo ended $?",
    "mount",
    "echo x >/proc/sys/kernel/hostname",
    "unshare -U true; echo ended $?",
    "cat /proc/self/uid_map",
    "head -c 1 /proc/kcore 2>/dev/null | wc -c; ls /sys/firmware | wc -l",
    "touch /sys/kernel/x",
    "find /dev -type b | wc -l",
    "grep -l . /proc/[0-9]*/cmdline 2>/dev/null | wc -l",
    "ls /sys/class/net 2>/dev/null; tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '",
  ]);
  const [status, mounted, mounts, hostname, unshared, map, kernel, sysfs, devices, processes, links] = answers;
  const held = BigInt(`0x${/CapBnd:\s+([0-9a-f]+)/.exec(status)?.[1]}`);
  for (const [number, name] of [
    [12, "NET_ADMIN"],
    [13, "NET_RAW"],
    [16, "SYS_MODULE"],
    [19, "SYS_PTRACE"],
    [21, "SYS_ADMIN"],
    [27, "MKNOD"],
  ] as const) {
    assert.equal((held >> BigInt(number)) & 1n, 0n, name);
  }
  assert.match(status, /^NoNewPrivs:\s1$/m);
  assert.match(status, /^Seccomp:\s2$/m);
  assert.match(mounted, /denied|not permitted|[^0]$/);
  assert.doesNotMatch(mounts, / \/m /);
  assert.match(hostname, /Read-only|denied|nonexistent/);
  assert.match(unshared, /ended [^0]/);
  assert.equal(map.split(/\s+/).join(" "), `0 ${idBase} 65536`);
  // Nothing behind the kernel's own paths, no disk, no process of the host, only the loopback of its own network.
  assert.equal(kernel, "0\n0");
  assert.match(sysfs, /Read-only/);
  assert.equal(devices, "0");
  assert.ok(Number(processes) < 12, processes);
  assert.deepEqual([...new Set(links.split("\n"))], ["lo"]);
  await runtime.delete(nodeId);
});

test("a privileged container can do what the machine's root can", async () => {
  const { idBase: _, ...spec } = node("privileged", { privileged: true });
  await runtime.create(spec);
  const { nodeId } = spec;
  const init = await runtime.start(nodeId);
  const bound = (pid: number | "self"): string =>
    /^CapBnd:\s+(\S+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "";
  assert.equal(bound(init.pid), bound("self"));
  const standing = "grep -E '^(Seccomp|CapEff):' /proc/self/status | cut -f 2; echo $(cat /proc/self/uid_map)";
  const mounted = "mkdir -p /m; mount -t tmpfs -o size=64k x /m && grep -c ' /m ' /proc/self/mounts";
  const words = await inside(nodeId, `${standing}; ${mounted}; find /dev -type b -o -type c | sort`);
  const devices = execFileSync("find", ["/dev", "-xdev", "-type", "b"], { encoding: "utf8" }).trim().split("\n");
  const [capabilities, seccomp, map, count, ...seen] = words.split("\n");
  assert.deepEqual([capabilities, seccomp, map, count], [bound("self"), "0", "0 0 4294967295", "1"]);
  assert.deepEqual(
    devices.filter((path) => !seen.includes(path)),
    [],
  );
  await runtime.delete(nodeId);
  assert.deepEqual(await leftovers(nodeId), nothing);
});

test("a node on the host's network has the host's interfaces, and ports below 1024", async () => {
  const spec = node("hostnet-own", { network: { kind: "host" } });
  await runtime.create(spec);
  await runtime.start(spec.nodeId);
  const host = execFileSync("readlink", ["/proc/self/ns/net"], { encoding: "utf8" }).trim();
  const before = readdirSync("/sys/class/net");
  const [network, found, map, listened] = await each(spec.nodeId, [
    "readlink /proc/self/ns/net",
    "ls /sys/class/net",
    "cat /proc/self/uid_map",
    // Other tests and services of this machine have ports there, too: the first that is free in both families.
    "for p in $(seq 601 650); do httpd -p 127.0.0.1:$p -h / 2>/why && httpd -p [::1]:$p -h / 2>/why && exit; done; cat /why",
  ]);
  assert.deepEqual([network, map.split(/\s+/).join(" "), listened], [host, `0 ${idBase} 65536`, ""]);
  // Others of this machine come and go.
  const links = readdirSync("/sys/class/net").filter((name) => before.includes(name));
  assert.deepEqual(
    links.filter((name) => !found.split("\n").includes(name)),
    [],
  );
  await runtime.delete(spec.nodeId);
  assert.deepEqual(await leftovers(spec.nodeId), nothing);
});

test("a node on the host's network, with the machine's user ids, has the host's interfaces", async () => {
  const { idBase: _, ...spec } = node("hostnet", { network: { kind: "host" } });
  await runtime.create(spec);
  await runtime.start(spec.nodeId);
  const host = execFileSync("readlink", ["/proc/self/ns/net"], { encoding: "utf8" }).trim();
  assert.equal(await inside(spec.nodeId, "readlink /proc/self/ns/net"), host);
  const standing = "grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status; cat /proc/self/uid_map";
  assert.equal((await inside(spec.nodeId, standing)).split(/\s+/).join(" "), "NoNewPrivs: 1 Seccomp: 2 0 0 4294967295");
  await runtime.delete(spec.nodeId);
});

for (const path of ["blockjoy", "usr/lib", "etc", "proc", "sys", "dev", ".singularity.d"]) {
  test(`an image with /${path} as a link to a place of the host gets nothing out of it`, async () => {
    const spec = node(`links-${path.replace(/[/.]/g, "")}`);
    const outside = join(directory, `outside-${path.replace("/", "-")}`);
    mkdirSync(outside);
    mkdirSync(join(spec.rootfs, path, ".."), { recursive: true });
    symlinkSync(path.includes("/") ? `../../../../../../..${outside}` : outside, join(spec.rootfs, path));
    await runtime.create(spec);
    await runtime.start(spec.nodeId).catch((error) => assert.equal(error.code, "container-start-failed"));
    assert.deepEqual(readdirSync(outside), []);
    await runtime.delete(spec.nodeId);
    assert.deepEqual(await leftovers(spec.nodeId), nothing);
  });
}

test("a process that was started is known, logged and independent; failures are told", async () => {
  const spec = node("exec");
  await runtime.create(spec);
  const { nodeId } = spec;
  const init = await runtime.start(nodeId);
  const logPath = join(directory, "agent.log");
  appendFileSync(logPath, "before\n");
  const agentProcess = await runtime.exec(nodeId, {
    ...busybox("sh", "-c", "echo out; echo err >&2; exec sleep 1000"),
    logPath,
  });
  await until(async () => readFileSync(logPath, "utf8").includes("err"));
  assert.equal(readFileSync(logPath, "utf8"), "before\nout\nerr\n");
  assert.ok(isAlive(agentProcess));
  assert.ok((await cgroups.processes(nodeId)).includes(agentProcess.pid));
  assert.ok(signalProcess(agentProcess, "SIGKILL"));
  await until(async () => !isAlive(agentProcess));
  assert.ok(isAlive(init));
  const brief = await runtime.exec(nodeId, busybox("true"));
  await until(async () => !isAlive(brief));
  await assert.rejects(runtime.exec(nodeId, { argv: ["/no/such/program"], env: {} }), {
    code: "container-exec-failed",
  });
  await runtime.delete(nodeId);
});

const ask = (script: string) => ({ ...busybox("sh", "-c", script), env: { PLACE: "the node", TERM: "xterm" } });

/** All that appears on it, and how it ended. */
const told = ({ output, ended }: InteractiveProcess) => Promise.all([text(output), ended]);
const exited = (code: number) => ({ kind: "exited", code });

test("an interactive process has streams or a terminal of its own", async (t) => {
  const spec = node("shell");
  await runtime.create(spec);
  const { nodeId } = spec;
  await assert.rejects(runtime.execInteractive(nodeId, ask("true")), { code: "container-not-running" });
  await runtime.start(nodeId);

  const terminal = { rows: 24, columns: 80 };
  const bb = "/usr/lib/blockvisor/busybox";
  // Who goes away takes along what does not want to go, but not what has left the session.
  const stubborn = await Promise.all(
    [{ terminal }, {}].map((more) =>
      runtime.execInteractive(nodeId, {
        ...ask(`trap '' HUP TERM; ${bb} setsid ${bb} sleep $OUTSIDE >/dev/null 2>&1 & echo up; sleep $IN_IT`),
        env: { OUTSIDE: "990", IN_IT: "980" },
        ...more,
      }),
    ),
  );
  const sleeping = async () => (await inside(nodeId, "ps -o args")).match(/(?<=sleep )9[89]0$/gm)?.sort();
  await until(
    async () => (await sleeping())?.length === 4,
    async () => stubborn.map(({ output, errors }) => [output, errors].map((stream) => String(stream.read() ?? ""))),
  );
  for (const { hangUp } of stubborn) hangUp();

  const piped = await runtime.execInteractive(
    nodeId,
    ask("read line; echo got $line in $PLACE; echo to the side >/dev/stderr; wc -c; exit 3"),
  );
  // More than all that lies between: nothing is lost, and who does not read holds it up.
  const much = Buffer.alloc(1_000_003, "0123456789abcdef");
  piped.input.end(Buffer.concat([Buffer.from("hello\n"), much]));
  assert.deepEqual(await Promise.all([text(piped.output), text(piped.errors), piped.ended]), [
    `got hello in the node\n${much.length}\n`,
    "to the side\n",
    exited(3),
  ]);

  // What it leaves behind writes on, faster than this reads: that it has ended is told all the same.
  for (const more of [{}, { terminal }]) {
    const left = await runtime.execInteractive(nodeId, {
      ...ask("trap '' HUP; cat /dev/zero & read that_it_ends; exit 3"),
      ...more,
    });
    await until(async () => left.output.readableLength > 0);
    left.input.write("now\n");
    await until(async () => !(await inside(nodeId, "ps -o args")).includes("read that_it_ends"));
    let length = 0;
    for await (const chunk of left.output) {
      length += chunk.length;
      if (length > 4_000_000) left.hangUp();
      await delay(5);
    }
    assert.deepEqual(await left.ended, exited(3));
  }

  const shown = await runtime.execInteractive(nodeId, {
    ...ask(
      "tty; until [ -n \"$(stty size 2>/dev/null)\" ]; do usleep 1000; done; stty size; stty raw -echo; echo ready; head -c 256 | od -An -v -tx1 | tr -d ' \\n'; exit 7",
    ),
    terminal: { rows: 33, columns: 101 },
  });
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
  let said = "";
  for await (const chunk of shown.output) {
    said += chunk;
    if (said.endsWith("ready\n")) shown.input.write(bytes);
  }
  assert.deepEqual(
    [said.replaceAll("\r", "").replace(/(?<=^\/dev\/pts\/)\d/, "N"), await shown.ended],
    [`/dev/pts/N\n33 101\nready\n${bytes.toString("hex")}`, exited(7)],
  );

  const quick = await runtime.execInteractive(nodeId, { ...ask("echo soon over"), terminal: { rows: 1, columns: 1 } });
  assert.deepEqual(await quick.ended, exited(0));
  assert.equal(await text(quick.output), "soon over\r\n");

  // Under Apptainer it is Apptainer that says so, and ends.
  const missing = runtime.execInteractive(nodeId, { argv: ["/no/such/program"], env: {} });
  if (kind === "apptainer") assert.deepEqual(await told(await missing), ["", exited(255)]);
  else await assert.rejects(missing, { code: "container-exec-failed", message: /no such file/i });

  await t.test(
    "who does not wait until it has begun, as the container is held still, leaves nothing that will",
    async () => {
      await cgroups.freeze(nodeId);
      const call = new AbortController();
      const more = { terminal: { rows: 1, columns: 1 } };
      const waiting = runtime.execInteractive(
        nodeId,
        { ...ask("echo begun >/begun"), ...more },
        { signal: call.signal },
      );
      call.abort();
      // Apptainer's own process is what is waited for, and it has begun.
      if (kind === "apptainer") assert.equal(await (await waiting).ended, undefined);
      else await assert.rejects(waiting, { code: "aborted" });
      await cgroups.thaw(nodeId);
      assert.equal(await inside(nodeId, "cat /begun 2>&1 | sed 's/.*: //'"), "No such file or directory");
    },
  );

  await t.test("a terminal resizes and interrupts what is in front of it", async () => {
    const shell = await runtime.execInteractive(nodeId, { ...busybox("sh", "-i"), env: { PS1: "> " }, terminal });
    let seen = "";
    const reading = (async () => {
      // It asks where the cursor is, too.
      for await (const chunk of shell.output) seen = (seen + chunk).replaceAll(/\x1b\[[0-9;]*[a-zA-Z]/g, "");
    })();
    const sees = async (pattern: RegExp) => {
      await until(
        async () => pattern.test(seen),
        async () => [seen, String(pattern)],
      );
      seen = "";
    };
    await sees(/> $/);
    // A signal between a shell's last look and its wait is seen when that ends.
    shell.input.write(`sh -c 'trap "stty size; kill \\$!; exit" WINCH; sleep 10 & echo waiting; wait'\r`);
    await sees(/\r\nwaiting\r\n/);
    shell.resize({ rows: 50, columns: 132 });
    await sees(/50 132\r\n(.*\n)*> $/);
    shell.input.write("sh -c 'echo in front; cat'\r");
    await sees(/\r\nin front\r\n/);
    shell.input.write("\x03");
    await sees(/> $/);
    shell.input.write("echo $?; yes | head -n 100000 | wc -l\r");
    await sees(/\r\n130\r\n100000\r\n> $/);
    shell.input.write("\x04");
    await reading;
    assert.deepEqual(await shell.ended, exited(0));

    const piped = await runtime.execInteractive(nodeId, ask("trap 'echo caught; exit 5' INT; echo up; read line"));
    let caught = "";
    for await (const chunk of piped.output) {
      caught += chunk;
      if (caught === "up\n") piped.signal("SIGINT");
    }
    assert.deepEqual([caught, await piped.ended], ["up\ncaught\n", exited(5)]);
    const killed = await runtime.execInteractive(nodeId, ask("kill -9 $$"));
    assert.deepEqual(await told(killed), ["", { kind: "killed", signal: 9 }]);
  });
  assert.deepEqual(await Promise.all(stubborn.map(({ ended }) => ended)), [undefined, undefined]);
  assert.deepEqual(await sleeping(), ["990", "990"]);
  await runtime.delete(nodeId);
  assert.deepEqual(await leftovers(nodeId), nothing);
});

test("an init that ignores SIGTERM is killed after the time it was given", async () => {
  const spec = node("stubborn", {
    init: [...supervisor, "sh", "-c", "trap '' TERM; while :; do sleep 1; done"],
  });
  await runtime.create(spec);
  const init = await runtime.start(spec.nodeId);
  const worker = await runtime.exec(spec.nodeId, busybox("sleep", "1000000"));
  await runtime.stop(spec.nodeId, { timeoutMs: 200 });
  assert.deepEqual([isAlive(init), isAlive(worker)], [false, false]);
  await runtime.delete(spec.nodeId);
});

test("memory, processes and cores are limited, and a process killed for memory is counted", async () => {
  const spec = node("limits", { limits: { memoryBytes: 96_000_000, pids: 100, cpus: [0] } });
  await runtime.create(spec);
  const { nodeId } = spec;
  const init = await runtime.start(nodeId);
  assert.match(await inside(nodeId, "cat /proc/self/status"), /Cpus_allowed_list:\s+0\n/);
  await inside(nodeId, "tail /dev/zero");
  const usage = await runtime.usage(nodeId);
  assert.equal(usage?.oomKills, 1);
  assert.ok(usage.memoryBytes > 0 && usage.memoryBytes <= 96_000_000);
  await runtime.exec(nodeId, busybox("sh", "-c", "while :; do sleep 1000 & done 2>/dev/null"));
  let pids = 0;
  // The shell that cannot fork any more ends itself.
  const deadline = Date.now() + 30_000;
  while (pids < 99 && Date.now() < deadline) {
    pids = Math.max(pids, (await runtime.usage(nodeId))?.pids ?? 0);
    await delay(1);
  }
  // A shell that cannot fork waits or ends: at the limit, or just below it.
  assert.ok(pids >= 90 && pids <= 100, `${pids}`);
  assert.ok(isAlive(init));
  await runtime.delete(nodeId);
  assert.equal(await runtime.usage(nodeId), undefined);
  assert.deepEqual(await leftovers(nodeId), nothing);
});

test("a first process that cannot start is an error that leaves nothing running", async () => {
  const spec = node("broken", { init: ["/no/such/init"] });
  await runtime.create(spec);
  await assert.rejects(runtime.start(spec.nodeId), { code: "container-start-failed" });
  assert.deepEqual(await runtime.state(spec.nodeId), { kind: "stopped" });
  await runtime.delete(spec.nodeId);
  assert.deepEqual(await leftovers(spec.nodeId), nothing);
});

/** Starts the node in another process, which kills itself with SIGKILL at the given point. */
async function startAndDie(spec: ContainerSpec, failpoint: string): Promise<void> {
  const script = `import { createTestRuntime } from ${JSON.stringify(join(import.meta.dirname, "test-runtime.ts"))};
    const runtime = createTestRuntime(${JSON.stringify(kind)}, ${JSON.stringify(directory)});
    await runtime.create(${JSON.stringify(spec)});
    await runtime.start(${JSON.stringify(spec.nodeId)});
    await runtime.exec(${JSON.stringify(spec.nodeId)}, ${JSON.stringify(busybox("sleep", "1000000"))});
    if (${JSON.stringify(failpoint)} === "running") process.kill(process.pid, "SIGKILL");
    await runtime.stop(${JSON.stringify(spec.nodeId)});`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, BV_FAILPOINT: failpoint },
  });
  assert.deepEqual(await once(child, "exit"), [null, "SIGKILL"]);
}

test("a container outlives the daemon, which takes it over with all its processes", async () => {
  const spec = node("outlives");
  await startAndDie(spec, "running");
  const next = createTestRuntime(kind, directory);
  const state = await next.attach(spec.nodeId);
  assert.equal(state.kind, "running");
  assert.deepEqual(await next.state(spec.nodeId), state);
  assert.equal((await cgroups.processes(spec.nodeId)).length >= 3, true);
  const process = await next.exec(spec.nodeId, busybox("sleep", "1000000"));
  assert.ok(isAlive(process));
  await next.stop(spec.nodeId);
  await next.delete(spec.nodeId);
  assert.deepEqual(await leftovers(spec.nodeId), nothing);
});

for (const point of ["container.ran", "container.cleared"]) {
  test(`killed at ${point}: the next daemon finds a stopped container, nothing running, and can start it`, async () => {
    const spec = node(point.replace(".", "-"));
    await startAndDie(spec, point);
    const next = createTestRuntime(kind, directory);
    assert.deepEqual(await next.attach(spec.nodeId), { kind: "stopped" });
    assert.deepEqual(await cgroups.processes(spec.nodeId), []);
    assert.ok(isAlive(await next.start(spec.nodeId)));
    await next.delete(spec.nodeId);
    assert.deepEqual(await leftovers(spec.nodeId), nothing);
  });
}

test("a container that was killed behind the daemon's back is seen as stopped and starts again", async () => {
  const spec = node("behind");
  await runtime.create(spec);
  const init = await runtime.start(spec.nodeId);
  signalProcess(init, "SIGKILL");
  await until(async () => !isAlive(init));
  assert.deepEqual(await runtime.state(spec.nodeId), { kind: "stopped" });
  assert.ok(isAlive(await runtime.start(spec.nodeId)));
  await runtime.delete(spec.nodeId);
});

test("a record of another boot, or of a pid that is another process now, is a stopped container", async () => {
  const spec = node("reboot");
  await runtime.create(spec);
  const record = join(directory, "nodes", spec.nodeId, "container.json");
  const stored = JSON.parse(readFileSync(record, "utf8"));
  for (const init of [
    { pid: process.pid, startTicks: 1, bootId: readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim() },
    { pid: process.pid, startTicks: 1, bootId: "00000000-0000-0000-0000-000000000000" },
  ]) {
    writeFileSync(record, JSON.stringify({ ...stored, init }));
    const next = createTestRuntime(kind, directory);
    assert.deepEqual(await next.attach(spec.nodeId), { kind: "stopped" });
  }
  await createTestRuntime(kind, directory).delete(spec.nodeId);
});

test("a start can be cancelled and leaves nothing running", async () => {
  const spec = node("cancelled");
  await runtime.create(spec);
  await assert.rejects(runtime.start(spec.nodeId, { signal: AbortSignal.abort() }), { code: "aborted" });
  assert.deepEqual(await cgroups.processes(spec.nodeId), []);
  await runtime.delete(spec.nodeId);
});

test("cycles of create, start, exec, stop, delete leave nothing", async () => {
  const cycles = Number(process.env["BV_TEST_CYCLES"] ?? 20);
  for (let cycle = 0; cycle < cycles; cycle += 1) {
    const spec = node("cycle");
    await runtime.create(spec);
    await runtime.start(spec.nodeId);
    await runtime.exec(spec.nodeId, busybox("sleep", "1000000"));
    await runtime.stop(spec.nodeId);
    await runtime.delete(spec.nodeId);
    assert.deepEqual(await leftovers(spec.nodeId), nothing);
  }
});
