import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import type { NodeActor } from "../node/node-actor.ts";
import type { NodeHost } from "../node/node-host.ts";
import { contentSteps } from "../node/steps-content.ts";
import { hostPaths } from "../place/paths.ts";
import { identifyProcess } from "../runtime/process-identity.ts";
import { startNode } from "../service/node-operations.ts";
import { ArchiveOperations, type ArchiveOutput } from "./archive-operations.ts";

/** In the place of the agent's archive tool, which e2e/archives.test.ts has: says what it was given, and ends when it is told to or has no input any more. */
const tool = `
const end = (why) => { console.log(why); process.exit(1); };
process.on("SIGTERM", () => end("told to stop"));
process.stdin.on("end", () => end("nobody is there")).resume();
console.log(JSON.stringify(process.argv.slice(1)));
if (process.argv[1] === "verify") { console.error("all is well"); process.exit(3); }
`;

const order = (verb: "verify" | "fetch") => ({ verb, options: ["--name=a-v1"] }) as const;
const living = new AbortController().signal;

let root: string;
let node: ReturnType<typeof stoppedNode>;
let archives: ArchiveOperations;

before(async () => {
  root = await mkdtemp(join(tmpdir(), "bv-archives-"));
});
after(() => rm(root, { recursive: true }));
beforeEach(async () => {
  const directory = join(root, "node");
  await rm(directory, { recursive: true, force: true });
  await mkdir(join(directory, "data/protocol_data"), { recursive: true });
  node = stoppedNode(directory);
  archives = new ArchiveOperations({
    agent: { archiveTool: [process.execPath, "-e", tool] },
    config: { caFile: undefined },
    paths: { socket: "/run/bv.sock" },
    spaces: { isReady: () => true },
  } as unknown as NodeHost);
});

/** A node that is down, and what starts of it were not refused. */
function stoppedNode(directory: string) {
  const state = { name: "me", expected_status: "Stopped", data_directory: null, space: { kind: "shared" } };
  const starts: object[] = [];
  const parts = { paths: { directory, data: join(directory, "data") }, state: () => state, holder: undefined };
  const node = {
    id: "me",
    gone: false,
    state,
    starts,
    status: "Stopped",
    held: join(directory, "held.json"),
    parts,
    operation: undefined as { readonly kind: string } | undefined,
    snapshot: () => ({ state, status: node.status, operation: node.operation }),
    exclusively: <T>(work: () => Promise<T>) => work(),
    operate: async ({ change }: { readonly change: () => object }) => void starts.push(change()),
  };
  return node;
}

const actor = () => node as unknown as NodeActor;

/** What a deletion ends with. */
function discard(beforeUnmount: () => void): Promise<object> {
  const done = async () => {};
  const host = {
    config: { interface: "" },
    paths: hostPaths(root),
    runtime: { delete: done },
    network: { tearDown: done },
    firewall: { remove: done },
    rootfs: { list: async () => [] },
    spaces: { close: async () => beforeUnmount() },
    trash: { take: done },
  };
  const { parts, state } = node;
  const paths = { ...parts.paths, link: join(root, "link") };
  const deleted = { ...parts, paths, host, tasks: { disarm: () => {} }, events: { moveTo: done } };
  const [step, context] = [{ kind: "discard" }, { state: { ...state, id: "me" } }];
  return contentSteps.discard(...([deleted, step, context] as unknown as Parameters<typeof contentSteps.discard>));
}

async function collect(outputs: AsyncIterable<ArchiveOutput>): Promise<readonly ArchiveOutput[]> {
  const found: ArchiveOutput[] = [];
  for await (const output of outputs) found.push(output);
  return found;
}

/** One that has begun; `rest` is the rest. */
async function begin(signal: AbortSignal = living) {
  const outputs = archives.operate(actor(), order("fetch"), signal);
  await outputs.next();
  return { rest: collect(outputs) };
}

test("what the tool says and how it ended is passed on, and the node is free again", async () => {
  const data = join(root, "node/data");
  const args = ["verify", "--attended", "--name=a-v1", `--data=${data}/protocol_data`, "--engine-socket=/run/bv.sock"];
  assert.deepEqual(await collect(archives.operate(actor(), order("verify"), living)), [
    { kind: "line", line: JSON.stringify(args) },
    { kind: "end", end: { status: 3, stderr: "all is well" } },
  ]);
  assert.equal(existsSync(node.held), false);
  await startNode(actor(), {});
  assert.equal(node.starts.length, 1);
});

test("meanwhile nobody else works on the data and the node is not started; who gives up frees it for the next", async () => {
  const client = new AbortController();
  const { rest } = await begin(client.signal);
  const { pid, by } = JSON.parse(await readFile(node.held, "utf8"));
  assert.equal(by, "bv archive fetch");
  const busy = { code: "busy", message: `\`bv archive fetch\` (pid ${pid}) works on the data of node \`me\`` };
  await assert.rejects(startNode(actor(), {}), busy);
  await assert.rejects(collect(archives.operate(actor(), order("verify"), living)), busy);
  client.abort();
  const [next] = await Promise.all([
    collect(archives.operate(actor(), order("verify"), living)),
    assert.rejects(rest, { name: "AbortError" }),
  ]);
  assert.deepEqual(next.at(-1), { kind: "end", end: { status: 3, stderr: "all is well" } });
  assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
});

test("a reader that stays away holds nothing up when its connection ends", async () => {
  const client = new AbortController();
  const outputs = archives.operate(actor(), order("fetch"), client.signal);
  await outputs.next();
  client.abort();
  assert.equal((await collect(archives.operate(actor(), order("verify"), living))).length, 2);
});

test("the daemon's end, a deletion of the node and a stop end it; other operations of a node that is down do not", async () => {
  const first = await begin();
  const { pid } = JSON.parse(await readFile(node.held, "utf8"));
  node.state.expected_status = "Deleted";
  const discarded = discard(() => assert.throws(() => process.kill(pid, 0), { code: "ESRCH" }));
  archives.changed(actor());
  await assert.rejects(first.rest, { code: "cancelled" });
  assert.deepEqual(await discarded, { gone: true });
  node.state.expected_status = "Stopped";
  const stopped = await begin();
  node.operation = { kind: "stop" };
  archives.changed(actor());
  await assert.rejects(stopped.rest, { code: "cancelled" });
  const second = await begin();
  node.operation = { kind: "upgrade" };
  archives.changed(actor());
  await Promise.all([assert.rejects(second.rest, { code: "unavailable" }), archives.close()]);
  assert.equal(existsSync(node.held), false);
});

test("a node that is not stopped, and data that are not a folder of its own, are left alone", async () => {
  node.status = "Running";
  await assert.rejects(collect(archives.operate(actor(), order("verify"), living)), {
    code: "busy",
    message: "node me is not stopped: its jobs could change the data meanwhile",
  });
  node.status = "Stopped";
  const folder = join(root, "node/data/protocol_data");
  await rm(folder, { recursive: true });
  const refused = { code: "invalid", message: `${folder} is not a folder` };
  await assert.rejects(collect(archives.operate(actor(), order("verify"), living)), refused);
  await symlink("/etc", folder);
  await assert.rejects(collect(archives.operate(actor(), order("fetch"), living)), refused);
  await rm(folder);
  const gone = archives.operate(actor(), order("fetch"), AbortSignal.abort());
  await assert.rejects(collect(gone), { name: "AbortError" });
  assert.deepEqual([existsSync(folder), existsSync(node.held)], [true, false], "a fetch makes its folder");
});

test("what a killed daemon has left at work holds the node until it ends", async () => {
  await writeFile(
    node.held,
    JSON.stringify({ schema_version: 1, ...identifyProcess(process.pid), by: "bv archive push" }),
  );
  await assert.rejects(collect(archives.operate(actor(), order("verify"), living)), {
    code: "busy",
    message: `\`bv archive push\` (pid ${process.pid}) works on the data of node \`me\``,
  });
});
