import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { unmount } from "../testbed/unmount.ts";
import { until } from "../testbed/until.ts";
import { createNodeSpaces } from "./index.ts";

/** What `daemon/disk-limits.test.ts` does not see: deaths in the middle. */
const directory = mkdtempSync(join(tmpdir(), "bv-spaces-"));
const disk = join(directory, "disk");
const nodes = join(disk, "nodes");
const spaces = createNodeSpaces({ directory: nodes, mode: "auto" });

before(() => {
  execFileSync("truncate", ["-s", "4G", `${disk}.img`]);
  execFileSync("mkfs.btrfs", ["-q", `${disk}.img`]);
  mkdirSync(disk);
  execFileSync("mount", ["-o", "loop", `${disk}.img`, disk]);
  mkdirSync(nodes);
});
after(async () => {
  for (const name of readdirSync(nodes)) await spaces.close(join(nodes, name));
  await unmount(disk);
  rmSync(directory, { recursive: true, force: true });
});

const release = async (): Promise<void> => {};

async function dieAt(point: string, node: string, kind: string, options: object): Promise<void> {
  const script = `import { createNodeSpaces } from ${JSON.stringify(join(import.meta.dirname, "index.ts"))};
    const options = { ...${JSON.stringify(options)}, release: async () => {} };
    await createNodeSpaces({ directory: ${JSON.stringify(nodes)}, mode: "image" }).prepare(${JSON.stringify(node)}, "${kind}", options);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, BV_FAILPOINT: point },
  });
  assert.deepEqual(await once(child, "exit"), [null, "SIGKILL"], point);
}

test("which kind a node gets follows what the file system can do, and what is wanted", async () => {
  const kinds = async (): Promise<readonly string[]> =>
    Promise.all(
      (["auto", "image", "off"] as const).map((mode) => createNodeSpaces({ directory: nodes, mode }).kindFor(1)),
    );
  assert.deepEqual(await kinds(), ["shared", "image", "shared"]);
  execFileSync("btrfs", ["quota", "enable", disk]);
  assert.deepEqual(await kinds(), ["subvolume", "subvolume", "shared"]);
  assert.equal(await spaces.kindFor(0), "shared");
});

test("a space whose making is cut is made by the next call, and nothing that was in it is lost", async () => {
  for (const [kind, points] of [
    ["subvolume", ["space.made"]],
    ["image", ["space.made", "space.mounted"]],
  ] as const) {
    const node = join(nodes, kind);
    mkdirSync(node);
    for (const point of points) await dieAt(point, node, kind, { gb: 1, before: 0, isNew: true });
    await spaces.prepare(node, kind, { gb: 1, before: 0, isNew: true, release });
    assert.deepEqual([spaces.isReady(node, kind), readdirSync(join(node, "roots"))], [true, []]);
    assert.ok(((await spaces.use(node, kind))?.limit ?? 0) > 900_000_000, kind);
    writeFileSync(join(node, "space/file"), kind);
    await spaces.prepare(node, kind, { gb: 1, before: 1, isNew: false, release });
    assert.equal(readFileSync(join(node, "space/file"), "utf8"), kind);
    assert.deepEqual(
      readdirSync(node).filter((name) => name.includes("new")),
      [],
    );
  }
});

test("a space is not grown under somebody who still has it mounted", async () => {
  const node = join(nodes, "shared");
  mkdirSync(node);
  await spaces.prepare(node, "image", { gb: 1, before: 0, isNew: true, release });
  const holder = spawn("unshare", ["--mount", "--propagation", "private", "sh", "-c", "echo; read _"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(holder, "exit");
  await once(holder.stdout, "data");
  const grown = spaces.prepare(node, "image", { gb: 2, before: 1, isNew: false, release });
  try {
    if (!mayExceedLimits()) {
      await until(async () => !spaces.isReady(node, "image"));
      const theirs = join(`/proc/${holder.pid}/root`, node, "space/theirs");
      for (let n = 0; n < 200; n += 1) writeFileSync(`${theirs}${n}`, `${n}`.repeat(20_000));
      execFileSync("sync", ["--file-system", `${theirs}0`]);
      assert.equal(spaces.isReady(node, "image"), false);
    }
  } finally {
    holder.stdin.end("\n");
    await ended;
    await grown;
  }
  assert.ok(((await spaces.use(node, "image"))?.limit ?? 0) > 1_800_000_000);
  await spaces.close(node);
  execFileSync("e2fsck", ["-f", "-n", join(node, "space.img")], { stdio: "pipe" });
  if (!mayExceedLimits()) {
    await spaces.prepare(node, "image", { gb: 2, before: 2, isNew: false, release });
    assert.equal(readFileSync(join(node, "space/theirs199"), "utf8"), "199".repeat(20_000));
    await spaces.close(node);
  }
});

test("growing that is cut, wherever, is done by the next call", async () => {
  const node = join(nodes, "image");
  // The second only where the kernel does not let us grow what is mounted.
  const points = mayExceedLimits() ? ["space.grown"] : ["space.grown", "space.unmounted"];
  for (const point of points) await dieAt(point, node, "image", { gb: 2, before: 1, isNew: false });
  await spaces.prepare(node, "image", { gb: 2, before: 1, isNew: false, release });
  const { blocks, bsize } = statfsSync(join(node, "space"));
  assert.ok(blocks * bsize > 1_800_000_000, String(blocks * bsize));
  assert.equal(readFileSync(join(node, "space/file"), "utf8"), "image");
  await spaces.close(node);
  await spaces.close(node);
  assert.equal(spaces.isReady(node, "image"), false);
});

/** CAP_SYS_RESOURCE. */
function mayExceedLimits(): boolean {
  const held = /^CapEff:\s*(\S+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
  return (BigInt(`0x${held}`) & (1n << 24n)) !== 0n;
}
