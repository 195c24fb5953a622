import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  chownSync,
  copyFileSync,
  existsSync,
  globSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { type Platform, startPlatform } from "./platform.ts";
import { dockerBuild, memberId, Workbench } from "./workbench.ts";

/** Megabytes of data in a node; BV_ARCHIVE_MB=2500 for the long form. */
const megabytes = Number(process.env["BV_ARCHIVE_MB"] ?? 24);
/** A machine that is busy moves 10 MB a second. */
const patient = { timeoutMs: 120_000 + megabytes * 100 };
const bridge = `bva${process.pid}`;
/** Where the control plane is: not on loopback, of which each node has one of its own. */
const outside = {
  link: `bvo${process.pid}`,
  address: `10.98.${process.pid % 250}.${1 + (Math.floor(process.pid / 250) % 250)}`,
};
const ip = (...args: string[]): string => execFileSync("ip", args, { encoding: "utf8" });

interface JobFacts {
  readonly name: string;
  readonly state: string;
  readonly exit_code: number | null;
  readonly message: string;
  readonly run: { readonly number: number } | null;
  readonly progress: { readonly current: number; readonly total: number; readonly message: string } | null;
}

interface NodeFacts {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly directory: string;
}

/**
 * Protocol data through the real control plane, its directory store, blockvisord, babel and the example image `ledger`: made from nothing,
 * uploaded, downloaded by the next node, mirrored, and handled by an operator without any node.
 */
describe(`archives of ${megabytes} MB`, () => {
  const bench = new Workbench("archives");
  let platform: Platform;
  let first: NodeFacts;

  const json = (...args: string[]) => JSON.parse(bench.must("bv", [...args, "--format", "json"]));
  const jobsOf = (node: NodeFacts): ReadonlyMap<string, JobFacts> =>
    new Map((json("node", "job", "list", node.id).jobs as JobFacts[]).map((job) => [job.name, job]));
  const data = (node: NodeFacts): string => join(node.directory, "data/protocol_data");

  /** A node of the platform, started, whose service has its data. */
  async function createNode(variant: string, props: Readonly<Record<string, string>> = {}): Promise<NodeFacts> {
    const known = new Set((json("node", "list").nodes as NodeFacts[]).map(({ id }) => id));
    const all = JSON.stringify({ "data-mb": String(megabytes), ...props });
    bench.must("bv", ["node", "create", "ledger", variant, "--props", all, "--wait"]);
    const node = (json("node", "list").nodes as NodeFacts[]).find(({ id }) => !known.has(id));
    assert.ok(node);
    return node;
  }

  /** Until a job has ended well; the command itself waits, and fails when the job does. */
  function follow(node: NodeFacts, job: string): void {
    bench.must("bv", ["node", "job", "info", job, node.id, "--follow"], patient);
  }

  /** The machine may have two processors only, and each node takes one. */
  const remove = (node: NodeFacts): string => bench.must("bv", ["node", "delete", "--yes", "--wait", node.id]);

  const serving = (node: NodeFacts, services: readonly string[] = ["ledger"]): Promise<ReadonlyMap<string, JobFacts>> =>
    eventually(
      "the services run",
      () => jobsOf(node),
      (jobs) => services.every((name) => jobs.get(name)?.state === "running"),
    );

  before(async () => {
    ip("link", "add", outside.link, "type", "bridge");
    ip("addr", "add", `${outside.address}/32`, "dev", outside.link);
    ip("link", "set", outside.link, "up");
    platform = await startPlatform("--host", outside.address, "--archive-uploaders", "private");
    const where = ["--api", platform.url, "--region", "local", "--private", "--private-network", "--ifa", bridge];
    bench.must("bvup", [platform.provisionToken, ...where, "--skip-download", "--yes", "--insecure"]);
    const login = [
      "login",
      platform.userId,
      "--insecure",
      "--api",
      platform.url,
      "--email",
      platform.email,
      "--password-stdin",
    ];
    bench.must("nib", login, { input: platform.password });
    const folder = bench.example("ledger");
    copyFileSync("/bin/busybox", join(folder, "busybox"));
    dockerBuild(folder, "e2e-ledger:latest");
    const yaml = readFileSync(join(folder, "babel.yaml"), "utf8")
      .replace("ledger:latest", "e2e-ledger:latest")
      .replaceAll("min_disk_gb: 1", `min_disk_gb: ${1 + Math.ceil(megabytes / 1000)}`);
    writeFileSync(join(folder, "babel.yaml"), yaml);
    bench.example("protocols.yaml");
    bench.must("nib", ["protocol", "push"]);
    bench.must("nib", ["image", "push"], { cwd: folder });
    await bench.startDaemon([]);
  });
  after(async () => {
    await bench[Symbol.asyncDispose]();
    await platform?.[Symbol.asyncDispose]();
    for (const link of [bridge, outside.link]) spawnSync("ip", ["link", "delete", link], { stdio: "ignore" });
  });

  test("without an archive the data are made from nothing, then the service starts", async () => {
    first = await createNode("ledger-local-full");
    follow(first, "download");
    const jobs = await serving(first);
    assert.deepEqual([...jobs.keys()], ["download", "ledger", "prepare"]);
    assert.deepEqual([jobs.get("download")?.exit_code, jobs.get("download")?.progress?.message], [0, "MB"]);
    assert.match(bench.must("bv", ["node", "job", "info", "cold_init", first.id]), /^stage: +cold_init$/m);
    const graph = bench.must("bv", ["node", "job", "graph", first.id]);
    assert.match(graph, /^1 {2}✔ prepare .*\n\n2 {2}✔ download .*needs prepare\n\n3 {2}▶ ledger .*needs download\n$/);
  });

  test("upload: the service stops before its data are read, and comes back after", async () => {
    assert.equal(bench.must("bv", ["node", "run", "upload", first.id]), "null\n");
    follow(first, "uploaded");
    const jobs = await serving(first);
    const ended = ["seal", "upload", "uploaded"].map((name) => jobs.get(name)?.exit_code);
    assert.deepEqual(ended, [0, 0, 0]);
    assert.equal(jobs.get("ledger")?.run?.number, 2);
    assert.match(
      bench.must("bv", ["node", "job", "info", "upload", first.id]),
      /^progress: +100\.00% \((\d+)\/\1 chunks\)$/m,
    );
    const [archive] = json("archive", "list").archives;
    assert.equal(archive.store_key, "ledger-local-full-v1");
    const [version] = archive.versions;
    assert.deepEqual([version.data_version, version.compression], [1, "zstd:3"]);
    assert.ok(version.total_size >= megabytes * 2 ** 20, `${version.total_size}`);
    assert.ok(version.stored_size < version.total_size * 0.6, "half of it compresses well");
  });

  test("the next node downloads it, checks it, and only then starts", async () => {
    const second = await createNode("ledger-local-full");
    follow(second, "download");
    follow(second, "check");
    await serving(second);
    assert.deepEqual(tree(data(second)), tree(data(first)));
    assert.equal(sourceOf(second), "download");
    assert.equal(existsSync(join(second.directory, "data/.babel_jobs/data-incomplete")), false);
    remove(second);
  });

  test("a transfer obeys caps that change while it runs, and lives through kill -9 of babel and blockvisord", async () => {
    const node = await createNode("ledger-local-full");
    follow(node, "check");
    // Again, from nothing, slowly: what a first start does, with time to look at it.
    bench.must("bv", ["node", "job", "stop", "--all", node.id]);
    execFileSync("rm", [
      "-rf",
      data(node),
      join(node.directory, "data/.babel_jobs"),
      join(node.directory, "data/.protocol_data.lock"),
    ]);
    mkdirSync(data(node));
    const speed = Math.ceil(megabytes / 24) * 1_000_000;
    assert.match(
      bench.must("bv", [
        "node",
        "job",
        "limits",
        "download",
        node.id,
        "--bandwidth",
        String(speed),
        "--connections",
        "2",
      ]),
      /^connections: 2\nbandwidth: +\d+ MB\/s\n$/,
    );
    bench.must("bv", ["node", "job", "start", "download", node.id]);
    const moving = await eventually(
      "progress with speed and remaining time",
      () => bench.must("bv", ["node", "job", "info", "download", node.id]),
      (text) => /progress: .*B\/s, ETA /.test(text),
    );
    assert.match(moving, /^bandwidth: +\d+ MB\/s$/m);
    await eventually(
      "the same in what is told of the node",
      () => bench.must("bv", ["node", "info", node.id]),
      (text) =>
        /Progress: +\d+\.\d\d% \(\d+\/\d+ chunks\), .*B\/s, ETA /.test(text) &&
        /^Protocol status: +downloading \(neutral\), \d+\.\d\d% \(.*B\/s, ETA /m.test(text),
    );
    const babel = JSON.parse(readFileSync(join(node.directory, "agent.json"), "utf8")).process.pid as number;
    await bench.killDaemon();
    process.kill(babel, "SIGKILL");
    await bench.startDaemon([]);
    const limits = await eventually(
      "the agent is back",
      () =>
        bench.run("bv", ["node", "job", "limits", "download", node.id, "--bandwidth", "none", "--connections", "none"]),
      ({ status }) => status === 0,
    );
    assert.match(limits.stdout, /^connections: 4\nbandwidth: +unlimited\n$/, "as the image says");
    follow(node, "download");
    const job = jobsOf(node).get("download");
    assert.equal(job?.exit_code, 0);
    assert.deepEqual(tree(data(node)), tree(data(first)));
    remove(node);
  });

  test("a node whose archive does not exist takes a mirror, where there is one", async () => {
    const mirrored = join(bench.directory, "mirror");
    mkdirSync(mirrored);
    const folder = join(bench.directory, "mirrored");
    mkdirSync(join(folder, "left"), { recursive: true });
    mkdirSync(join(folder, "right"));
    for (const name of ["left", "right"]) writeFileSync(join(folder, name, "genesis"), name);
    execFileSync("sh", ["-c", 'for each in left right; do (cd "$0/$each" && sha256sum genesis > SUMS); done', folder]);
    execFileSync("tar", ["-cf", join(mirrored, "ledger.tar"), "-C", folder, "."]);
    const mirror = serveFolder(mirrored);
    try {
      const node = await createNode("ledger-local-split", { "mirror-url": mirror.url });
      follow(node, "check");
      await serving(node, ["left", "right"]);
      assert.equal(readFileSync(join(data(node), "right/genesis"), "utf8"), "right");
      assert.equal(sourceOf(node), "alternative-download");
      bench.must("bv", ["node", "run", "upload", node.id, "--wait"], patient);
      assert.equal(jobsOf(node).get("uploaded")?.exit_code, 0);
      remove(node);

      const next = await createNode("ledger-local-split");
      follow(next, "check");
      await serving(next, ["left", "right"]);
      assert.equal(sourceOf(next), "download", "each service has its own archive now");
      assert.deepEqual(readdirSync(join(data(next), "left")).sort(), ["LOCK", "SUMS", "genesis", "journal"]);
      const keys = (json("archive", "list").archives as { store_key: string }[]).map(({ store_key }) => store_key);
      assert.deepEqual(keys.sort(), ["ledger-local-full-v1", "ledger-local-left-v1", "ledger-local-right-v1"]);
      remove(next);
    } finally {
      mirror.kill();
    }
  });

  test("members of the group list, fetch, verify, repair and push without a node, and without being root (DB-2.12)", async () => {
    const member = (...args: string[]) => bench.run("bv", ["archive", ...args], { ...patient, asMember: true });
    const must = (...args: string[]) => bench.must("bv", ["archive", ...args], { ...patient, asMember: true });
    const key = "ledger-local-full-v1";
    for (const login of ["etc/blockvisor.json", "var/lib/blockvisor/auth.json"]) {
      assert.equal(lstatSync(join(bench.root, login)).mode & 0o077, 0, "the host's login is root's");
    }
    const own = join(bench.directory, "own");
    mkdirSync(own);
    chownSync(own, memberId, memberId);
    const folder = join(own, "fetched");
    assert.equal(must("fetch", key, "--data", folder), `Fetched ${key} version 1\n`);
    assert.deepEqual(tree(folder), tree(data(first)));
    assert.equal(lstatSync(folder).uid, memberId, "with their own rights");
    assert.equal(must("verify", key, "--data", folder), `The data are ${key} version 1\n`);
    const rootsOwn = member("verify", key, "--data", join(first.directory, "data/protocol_data"));
    assert.deepEqual([rootsOwn.status, /cannot look at/.test(rootsOwn.stderr)], [1, true], rootsOwn.stderr);

    // One bit, in the middle of something that is not looked at often.
    const victim = join(folder, "blocks/0/3");
    const bytes = readFileSync(victim);
    const handle = openSync(victim, "r+");
    writeSync(handle, Uint8Array.of((bytes[1000] ?? 0) ^ 1), 0, 1, 1000);
    const damaged = member("verify", key, "--data", folder, "--format", "json");
    assert.equal(damaged.status, 3, damaged.stderr);
    const { error } = JSON.parse(damaged.stderr);
    assert.equal(error.code, "BV920");
    assert.match(damaged.stderr, /blocks\/0\/3/);
    const repaired = JSON.parse(must("repair", key, "--data", folder, "--format", "json"));
    assert.deepEqual([repaired.repaired, repaired.damaged_chunks.length], [1, 1]);
    assert.deepEqual(readFileSync(victim), bytes);
    writeFileSync(join(folder, "new"), "only this is new");
    assert.equal(must("push", key, "--data", folder), `Pushed ${key} version 2\n`);
    const { archives } = JSON.parse(must("list", key, "--format", "json"));
    const versions = archives[0].versions as { data_version: number }[];
    assert.deepEqual(
      versions.map(({ data_version }) => data_version),
      [1, 2],
    );
  });

  test("they do the same with the data of a stopped node, through the daemon, whichever there is", async () => {
    const member = (...args: string[]) =>
      bench.run("bv", ["archive", ...args, "--node", first.id], { ...patient, asMember: true });
    const key = "ledger-local-full-v1";
    const busy = member("verify", key);
    assert.deepEqual([busy.status, /is not stopped/.test(busy.stderr)], [5, true], busy.stderr);
    bench.must("bv", ["node", "stop", "--local", first.id], { asMember: true });
    const good = tree(data(first));
    writeFileSync(join(data(first), "genesis"), "damaged");

    const mount = join(first.directory, "data");
    const record = join(mount, ".babel_jobs/data-complete.json");
    const held = join(first.directory, "held.json");
    const holder = (): number | undefined =>
      existsSync(held) ? JSON.parse(readFileSync(held, "utf8")).pid : undefined;
    const slowly = ["archive", "fetch", key, "--data-version", "1", "--node", first.id, "--bandwidth", "100kB/s"];
    const slow = bench.spawn("bv", slowly, { asMember: true });
    const tool = (await eventually("a fetch works on the node's data", holder, (pid) => pid !== undefined)) ?? 0;
    const refused = bench.run("bv", ["node", "start", "--local", first.id]);
    assert.deepEqual([refused.status, refused.stderr.includes("`bv archive fetch` (pid ")], [5, true], refused.stderr);
    await bench.killDaemon();
    await eventually(
      "a tool whose daemon was killed ends by itself",
      () => existsSync(`/proc/${tool}`),
      (lives) => !lives,
    );
    await bench.startDaemon([]);
    await eventually(
      "the fetch goes on with the next daemon",
      () => ({ pid: holder(), said: bench.spawned() }),
      ({ pid }) => pid !== undefined && pid !== tool,
    );
    slow.kill("SIGINT");
    await once(slow, "exit");
    const fetched = member("fetch", key, "--data-version", "1");
    assert.equal(fetched.stdout, `Fetched ${key} version 1\n`, fetched.stderr);
    assert.deepEqual(tree(data(first)), good);
    assert.deepEqual(
      [JSON.parse(readFileSync(record, "utf8")).store_key, existsSync(join(mount, ".babel_jobs/data-incomplete"))],
      [key, false],
      "its jobs know that the data are whole",
    );
    const push = ["push", key, "--cas", "--exclude", "*LOCK", "--exclude", "*journal"] as const;
    const plan = JSON.parse(member(...push, "--dry-run", "--format", "json").stdout);
    assert.deepEqual([plan.excluded_paths.includes("journal"), plan.reuse_ratio], [true, 0]);
    assert.ok(plan.estimated_bytes > 0 && plan.estimated_bytes < plan.bytes, JSON.stringify(plan));
    const pushed = member(...push);
    assert.equal(pushed.stdout, `Pushed ${key} version 3\n`, pushed.stderr);
    assert.equal(existsSync(held), false);
  });
});

/** How the data of a node came to be, once they are complete. */
function sourceOf(node: NodeFacts): string {
  return JSON.parse(readFileSync(join(node.directory, "data/.babel_jobs/data-complete.json"), "utf8")).source;
}

/** Path → kind and content of everything but what the running service writes. */
function tree(root: string): Readonly<Record<string, string>> {
  const entries = globSync("**", { cwd: root }).filter(
    (path) => path !== "" && path !== "." && !/(^|\/)(LOCK|journal)$/.test(path),
  );
  return Object.fromEntries(entries.sort().map((path) => [path, describeFile(join(root, path))]));
}

function describeFile(path: string): string {
  const stats = lstatSync(path);
  if (stats.isSymbolicLink()) return `link to ${readlinkSync(path)}`;
  if (stats.isDirectory()) return "folder";
  return `${stats.size} bytes, mode ${(stats.mode & 0o777).toString(8)}, ${createHash("sha256").update(readFileSync(path)).digest("hex")}`;
}

async function eventually<T>(what: string, look: () => T, good: (seen: T) => boolean): Promise<T> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const seen = look();
    if (good(seen)) return seen;
    await delay(100);
  }
  assert.fail(`never: ${what}: ${JSON.stringify(look())}`);
}

/** A folder at an address that nodes reach, from a process of its own: this one waits for commands. */
function serveFolder(folder: string): ChildProcess & { readonly url: string } {
  const port = 20_000 + (process.pid % 20_000);
  const server = spawn("/bin/busybox", ["httpd", "-f", "-p", `${outside.address}:${port}`, "-h", folder], {
    stdio: "ignore",
  });
  return Object.assign(server, { url: `http://${outside.address}:${port}/ledger.tar` });
}
