import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { totalmem } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { diskUnder } from "./disk-device.ts";
import { sumOfDisks } from "./disk-io.ts";
import { createNodeCgroups, detectHierarchies } from "./index.ts";
import { machineShare } from "./machine-share.ts";

const cgroups = createNodeCgroups();
const hierarchies = detectHierarchies();
const node = `cgroup-test-${process.pid}`;
after(() => cgroups.remove(node));

/** Starts a shell in the node's cgroup the way the adapters start runtimes. */
function inside(script: string) {
  const join = 'for file in $JOIN; do echo 0 >"$file"; done;';
  return spawn("sh", ["-c", `${join} ${script}`], {
    env: { ...process.env, JOIN: cgroups.joinFiles(node).join(" ") },
    stdio: ["ignore", "pipe", "ignore"],
  });
}

function limit(controller: string, version1: string, version2: string): string {
  const mountPoint = hierarchies.controllers.get(controller);
  const folder = `${mountPoint ?? hierarchies.unified}/blockvisor/${node}`;
  return readFileSync(`${folder}/${mountPoint ? version1 : version2}`, "utf8").trim();
}

test("where the daemon is does not change when the kernel is told of a move", async () => {
  const before = readFileSync("/proc/self/cgroup", "utf8");
  await cgroups.expectJoin();
  assert.equal(readFileSync("/proc/self/cgroup", "utf8"), before);
});

test("the three layouts are told apart by the mount table", () => {
  const line = (point: string, kind: string, options: string) =>
    `31 23 0:28 / ${point} rw,nosuid - ${kind} ${kind} ${options}`;
  const hybrid = [
    line("/sys/fs/cgroup/memory", "cgroup", "rw,memory"),
    line("/sys/fs/cgroup/cpu,cpuacct", "cgroup", "rw,cpu,cpuacct"),
    line("/sys/fs/cgroup/systemd", "cgroup", "rw,xattr,name=systemd"),
    line("/sys/fs/cgroup/unified", "cgroup2", "rw,nsdelegate"),
  ].join("\n");
  assert.deepEqual(detectHierarchies(hybrid), {
    controllers: new Map([
      ["memory", "/sys/fs/cgroup/memory"],
      ["cpu", "/sys/fs/cgroup/cpu,cpuacct"],
      ["cpuacct", "/sys/fs/cgroup/cpu,cpuacct"],
      ["systemd", "/sys/fs/cgroup/systemd"],
    ]),
    unified: "/sys/fs/cgroup/unified",
  });
  assert.deepEqual(detectHierarchies(line("/sys/fs/cgroup", "cgroup2", "rw")), {
    controllers: new Map(),
    unified: "/sys/fs/cgroup",
  });
});

test("limits are set, raised, lowered and lifted, also with processes inside", async () => {
  await cgroups.ensure(node, { memoryBytes: 64_000_000, cpus: [0], pids: 50 });
  const child = inside("echo in; exec sleep 60");
  const exit = once(child, "exit");
  await once(child.stdout, "data");
  assert.deepEqual(await cgroups.processes(node), [child.pid]);
  assert.deepEqual(await cgroups.list().then((all) => all.includes(node)), true);
  for (const [memoryBytes, pids] of [
    [64_000_000, 50],
    [128_000_000, 60],
    [32_000_000, 20],
  ] as const) {
    await cgroups.ensure(node, { memoryBytes, cpus: [0], pids });
    // The kernel rounds to whole pages.
    assert.equal(
      limit("memory", "memory.limit_in_bytes", "memory.max"),
      String(Math.floor(memoryBytes / 4_096) * 4_096),
    );
    const high = Number(limit("memory", "memory.soft_limit_in_bytes", "memory.high"));
    assert.ok(high < memoryBytes && high >= (memoryBytes * 31) / 32 - 4_096, `${high} of ${memoryBytes}`);
    assert.equal(limit("pids", "pids.max", "pids.max"), String(pids));
    assert.equal(limit("cpuset", "cpuset.cpus", "cpuset.cpus"), "0");
  }
  for (const [cpuTime, quota] of [
    [1.5, "150000"],
    [undefined, undefined],
  ] as const) {
    await cgroups.ensure(node, cpuTime === undefined ? {} : { cpuTime });
    const isVersion1 = hierarchies.controllers.has("cpu");
    const lifted = isVersion1 ? "-1" : "max 100000";
    const given = isVersion1 ? quota : `${quota} 100000`;
    assert.equal(limit("cpu", "cpu.cfs_quota_us", "cpu.max"), quota === undefined ? lifted : given);
  }
  assert.equal(limit("cpu", "cpu.shares", "cpu.weight"), hierarchies.controllers.has("cpu") ? "1536" : "150");
  await cgroups.ensure(node, { memoryBytes: 32_000_000, cpus: [0], pids: 20 });
  const usage = await cgroups.usage(node);
  assert.equal(usage?.pids, 1);
  const resources = existsSync("/proc/pressure/cpu") ? ["cpu", "memory", "io"] : [];
  assert.deepEqual(
    (await cgroups.pressure(node)).map(({ resource }) => resource),
    resources,
  );
  assert.ok(usage.memoryBytes > 0 && usage.memoryBytes < 32_000_000);
  await cgroups.ensure(node, {});
  assert.equal(limit("pids", "pids.max", "pids.max"), "max");
  assert.match(limit("memory", "memory.soft_limit_in_bytes", "memory.high"), /^(max|9223372036854771712)$/);
  await cgroups.remove(node);
  assert.deepEqual(await exit, [null, "SIGKILL"]);
  assert.deepEqual(
    cgroups.joinFiles(node).filter((file) => existsSync(file)),
    [],
  );
  assert.equal(await cgroups.usage(node), undefined);
  await cgroups.remove(node);
});

/** Version 1 counts only for disks that have a scheduler with weights. */
const isDiskCounted =
  hierarchies.unified !== undefined &&
  readFileSync(`${hierarchies.unified}/cgroup.controllers`, "utf8").split(/\s/).includes("io");

test("disks are shared by weight where the kernel has one, and what goes to them is counted", async () => {
  await cgroups.ensure(node, { diskWeight: 300 });
  const mountPoint = hierarchies.controllers.get("blkio");
  const folder = `${mountPoint ?? hierarchies.unified}/blockvisor/${node}`;
  const weights = mountPoint ? ["blkio.bfq.weight", "blkio.weight"] : ["io.weight", "io.bfq.weight"];
  const said = weights.map((file) => join(folder, file)).filter((path) => existsSync(path));
  const read = () => said.map((path) => readFileSync(path, "utf8").trim().replace("default ", ""));
  assert.deepEqual(
    read(),
    said.map(() => "300"),
  );
  if (isDiskCounted) {
    const file = join(mkdtempSync("/var/tmp/bv-cgroups-"), "file");
    try {
      const writer = inside(`exec dd if=/dev/zero of=${file} bs=1M count=2 oflag=direct`);
      assert.deepEqual(await once(writer, "exit"), [0, null]);
      const { disk } = (await cgroups.usage(node)) ?? {};
      assert.ok((disk?.writtenBytes ?? 0) >= 2 * 1024 * 1024, JSON.stringify(disk));
    } finally {
      rmSync(join(file, ".."), { recursive: true });
    }
  }
  await cgroups.ensure(node, {});
  assert.deepEqual(
    read(),
    said.map(() => "100"),
  );
  await cgroups.remove(node);
});

test("what a node reads and writes in a second is limited on the disk that nodes lie on, and no more when it is lifted", async () => {
  const folder = mkdtempSync("/var/tmp/bv-cgroups-");
  const [file, disk] = [join(folder, "file"), join(folder, "disk")];
  mkdirSync(disk);
  execFileSync("truncate", ["-s", "160M", file]);
  execFileSync("mkfs.btrfs", ["-q", file]);
  execFileSync("mount", ["-o", "loop", file, disk]);
  try {
    // btrfs has no device number of its own.
    const device = await diskUnder(disk);
    assert.match(device ?? "", /^7:\d+$/);
    assert.equal(await diskUnder("/proc"), undefined);
    const there = createNodeCgroups(hierarchies, disk);
    const first = hierarchies.controllers.get("blkio");
    const path = `${first ?? hierarchies.unified}/blockvisor/${node}`;
    const read = (name: string) => readFileSync(join(path, name), "utf8").trim();
    const rates = () =>
      first
        ? [read("blkio.throttle.read_bps_device"), read("blkio.throttle.write_bps_device")]
        : [read("io.max").replace(/ (riops|wiops)=max/g, "")];
    await there.ensure(node, { diskRate: { readBytes: 2_000_000, writtenBytes: 1_000_000 } });
    const limited = first ? [`${device} 2000000`, `${device} 1000000`] : [`${device} rbps=2000000 wbps=1000000`];
    assert.deepEqual(rates(), limited);
    await there.ensure(node, { diskRate: { writtenBytes: 3_000_000 } });
    assert.deepEqual(rates(), first ? ["", `${device} 3000000`] : [`${device} rbps=max wbps=3000000`]);
    await there.ensure(node, {});
    assert.deepEqual(rates(), first ? ["", ""] : [""]);
    const inMemory = createNodeCgroups(hierarchies, "/proc");
    await assert.rejects(inMemory.ensure(node, { diskRate: { readBytes: 1 } }), { code: "cgroup-limit-refused" });
  } finally {
    await cgroups.remove(node);
    execFileSync("umount", [disk]);
    rmSync(folder, { recursive: true });
  }
});

test("of both versions' counters disks count, and not what is made of them", () => {
  const isDisk = (device: string) => device === "254:0" || device === "8:16";
  const second =
    "254:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n7:0 rbytes=10 wbytes=20\n8:16 rbytes=1 wbytes=2\n";
  assert.deepEqual(sumOfDisks(second, isDisk), { readBytes: 11, writtenBytes: 22 });
  const first = "7:0 Read 5\n254:0 Read 10\n254:0 Write 20\n254:0 Sync 30\n254:0 Total 30\nTotal 35\n";
  assert.deepEqual(sumOfDisks(first, isDisk), { readBytes: 10, writtenBytes: 20 });
  assert.deepEqual(sumOfDisks("", isDisk), { readBytes: 0, writtenBytes: 0 });
});

test("all nodes together leave the machine some memory and process numbers", async () => {
  await cgroups.ensure(node, {});
  const share = await machineShare();
  const read = (controller: string, version1: string, version2: string) =>
    Number(limit(controller, `../${version1}`, `../${version2}`));
  assert.equal(read("pids", "pids.max", "pids.max"), share.pids);
  assert.ok(share.pids < Number(readFileSync("/proc/sys/kernel/pid_max", "utf8")));
  const memory = read("memory", "memory.limit_in_bytes", "memory.max");
  assert.equal(memory, Math.floor(share.memoryBytes / 4_096) * 4_096);
  assert.ok(memory < totalmem() - 200_000_000);
  await cgroups.remove(node);
});

test("a limit the machine cannot give is refused with a reason", async () => {
  await assert.rejects(cgroups.ensure(node, { cpus: [9_999] }), { code: "cgroup-limit-refused" });
  await cgroups.remove(node);
});

test("a memory hog is killed by the kernel and counted; a fork bomb stays within its number and dies", async () => {
  await cgroups.ensure(node, { memoryBytes: 32_000_000, pids: 30 });
  const hog = inside("exec tail /dev/zero");
  await once(hog, "exit");
  assert.equal(hog.signalCode, "SIGKILL");
  assert.equal((await cgroups.usage(node))?.oomKills, 1);
  const bomb = inside("echo in; while :; do sleep 60 & done 2>/dev/null");
  await once(bomb.stdout, "data");
  let pids = 0;
  // The shell that cannot fork any more ends itself.
  while (pids < 29) pids = (await cgroups.usage(node))?.pids ?? 0;
  assert.ok(pids <= 30);
  await cgroups.kill(node);
  assert.deepEqual(await cgroups.processes(node), []);
  await cgroups.remove(node);
});
