import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { access, lstat, mkdir, readFile, readlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { type CreateDevNodeRequest, JobState, type Node, NodeStatus } from "@blockvisor/wire/blockvisor/host/v1/host";
import { type DaemonProcess, finish, makeRoot, startDaemonProcess, type TestRoot } from "../testbed/daemon-process.ts";
import { failureOf } from "../testbed/failure-of.ts";
import { makeTestImage, script } from "../testbed/test-image.ts";
import { tracesOf } from "../testbed/traces.ts";
import { until } from "../testbed/until.ts";

/** What operators do with nodes besides starting and stopping them. */
const run = promisify(execFile);
let root: TestRoot;
let daemon: DaemonProcess;
let first: string;
let second: string;

before(async () => {
  root = await makeRoot({ recovery: { check_secs: 2, agent_timeout_secs: 8 } });
  first = await makeTestImage(root.paths.root, "1.0.0");
  second = await makeTestImage(root.paths.root, "2.0.0");
  daemon = await startDaemonProcess(root);
});

after(async () => {
  await Promise.all((await list()).map(({ id }) => finish(daemon.client.deleteNode({ node: id }))));
  await daemon.stop();
  await root.remove();
});

const list = async (): Promise<readonly Node[]> => (await daemon.client.listNodes({ local: true })).nodes;
const get = (node: string): Promise<Node> => daemon.client.getNode({ node });
const data = (node: Node, name: string): Promise<string> => readFile(join(node.directory, "data", name), "utf8");
const version = async (node: string): Promise<string> =>
  (await daemon.client.runFunction({ node, function: "version" })).value;
const isWebUp = (node: string): Promise<void> =>
  until(async () => (await daemon.client.getJob({ node, job: "web" })).state === JobState.RUNNING);

function create(name: string, change: Partial<Omit<CreateDevNodeRequest, "$typeName">> = {}): Promise<Node> {
  return finish(
    daemon.client.createDevNode({
      name,
      imageKey: { protocolKey: "test", variantKey: "test-main" },
      imageVersion: "1.0.0",
      imageUri: first,
      vm: { memoryMb: 1000n },
      properties: { color: "green" },
      start: true,
      ...change,
    }),
  );
}

const remove = (node: string): Promise<Node> => finish(daemon.client.deleteNode({ node }));

const isGone = (id: string): Promise<void> =>
  until(
    async () => (await tracesOf(root.paths, id)).length === 0,
    () => tracesOf(root.paths, id),
  );

/** Tests of one group; without it they would be side by side as the groups are. */
const inTurn = { concurrency: 1 };

describe("side by side", { concurrency: 3 }, () => {
  describe("a rollback", inTurn, () => {
    test("brings the version before back at once, and another one the newer", async () => {
      await create("back");
      const nothing = await failureOf(finish(daemon.client.rollbackNode({ node: "back" })));
      assert.deepEqual(
        [nothing.code, nothing.message],
        ["invalid", "node `back` has no earlier version to go back to"],
      );
      await finish(daemon.client.upgradeDevNode({ node: "back", imageUri: second, imageVersion: "2.0.0" }));
      const node = await get("back");
      assert.equal(node.previousImage?.version, "1.0.0");
      await writeFile(join(node.directory, "rootfs/etc/mark"), "of the second");

      const now = await finish(daemon.client.rollbackNode({ node: "back" }));
      assert.deepEqual(
        [now.status, now.image?.version, now.previousImage?.version],
        [NodeStatus.RUNNING, "1.0.0", "2.0.0"],
      );
      assert.equal(await version("back"), "1.0.0");
      await isWebUp("back");
      // Nothing was made anew: init ran once for each version, and the second's files are there again.
      await finish(daemon.client.rollbackNode({ node: "back" }));
      assert.equal(await version("back"), "2.0.0");
      assert.equal(await data(node, "inits"), "1.0.0\n2.0.0\n");
      assert.equal(await readFile(join(node.directory, "rootfs/etc/mark"), "utf8"), "of the second");
      await remove("back");
    });

    test("is for a person to decide when an upgrade failed after it touched the data", async () => {
      await create("touched");
      const init = 'fn init() { run_sh("touch /blockjoy/.protocol_data.lock").unwrap(); throw "too late" }';
      const imageUri = await makeTestImage(root.paths.root, "7.0.0", init);
      const request = { node: "touched", imageUri, imageVersion: "7.0.0" };
      const failure = await failureOf(finish(daemon.client.upgradeDevNode(request)));
      assert.equal(failure.code, "upgrade_failed");
      assert.match(failure.message, /too late.*can't rollback node upgrade if 'init' was already started/s);
      assert.equal((await get("touched")).status, NodeStatus.FAILED);
      const back = await finish(daemon.client.rollbackNode({ node: "touched" }));
      assert.deepEqual([back.status, back.image?.version], [NodeStatus.RUNNING, "1.0.0"]);
      await remove("touched");
    });

    test("of a stopped node leaves it stopped, as an upgrade does", async () => {
      await create("still", { start: false });
      const up = await finish(daemon.client.upgradeDevNode({ node: "still", imageUri: second, imageVersion: "2.0.0" }));
      const back = await finish(daemon.client.rollbackNode({ node: "still" }));
      assert.deepEqual(
        [up.status, up.image?.version, back.status, back.image?.version],
        [NodeStatus.STOPPED, "2.0.0", NodeStatus.STOPPED, "1.0.0"],
      );
      await remove("still");
    });
  });

  describe("an upgrade to an image that cannot work", inTurn, () => {
    before(() => create("checked"));
    after(() => remove("checked"));

    test("is refused before anything is stopped when its plugin does not compile", async () => {
      const { pid } = await get("checked");
      const broken = await makeTestImage(root.paths.root, "0.0.1", "fn height( {");
      const request = { node: "checked", imageUri: broken, imageVersion: "0.0.1" };
      assert.equal((await failureOf(finish(daemon.client.upgradeDevNode(request)))).code, "plugin_syntax");
      const now = await get("checked");
      assert.deepEqual([now.status, now.pid, now.problem?.code], [NodeStatus.RUNNING, pid, "plugin_syntax"]);
    });

    test("passes its smoke check, which leaves nothing, when it comes up", async () => {
      const node = await get("checked");
      const request = { node: "checked", imageUri: second, imageVersion: "2.0.0", smokeCheck: true };
      assert.equal((await finish(daemon.client.upgradeDevNode(request))).image?.version, "2.0.0");
      await assert.rejects(access(join(node.directory, "check")));
      assert.equal((await tracesOf(root.paths, `check-${node.id}`)).length, 0);
    });
  });

  describe("a clone", inTurn, () => {
    before(() => create("source"));
    after(() => remove("source"));

    for (const stop of [false, true]) {
      test(`has the same image and a copy of the data, ${stop ? "of a node stopped for it" : "of a node that runs on"}`, async () => {
        await isWebUp("source");
        const source = await get("source");
        await writeFile(join(source.directory, "data/blocks"), "1 2 3");
        // A job runs a moment before its script has done anything.
        await until(async () => (await data(source, "starts").catch(() => "")) !== "");
        const starts = (await data(source, "starts")).length;
        const clone = await finish(daemon.client.cloneNode({ node: "source", name: "copy", start: true, stop }));
        assert.deepEqual(
          [clone.status, clone.image?.digest, clone.properties, clone.ip === source.ip],
          [NodeStatus.RUNNING, source.image?.digest, source.properties, false],
        );
        assert.equal(await data(clone, "blocks"), "1 2 3");
        await writeFile(join(clone.directory, "data/blocks"), "4");
        assert.equal(await data(source, "blocks"), "1 2 3");
        const now = await get("source");
        assert.equal(now.status, NodeStatus.RUNNING);
        // A node that was only held still kept its processes.
        assert.equal(now.pid === source.pid, !stop);
        if (!stop) assert.equal((await data(source, "starts")).length, starts);
        await remove("copy");
      });
    }
  });

  describe("data that are moved", inTurn, () => {
    let elsewhere: string;

    before(async () => {
      elsewhere = join(root.paths.root, "disk2");
      await mkdir(elsewhere);
      await create("mover");
    });

    test("lie there, and the node runs on with them", async () => {
      await isWebUp("mover");
      const node = await finish(daemon.client.moveNodeData({ node: "mover", directory: elsewhere }));
      assert.equal(node.status, NodeStatus.RUNNING);
      assert.equal(await readlink(join(node.directory, "data")), join(elsewhere, node.id));
      assert.equal(await readFile(join(elsewhere, node.id, "inits"), "utf8"), "1.0.0\n");
      await finish(daemon.client.restartNode({ node: "mover" }));
      await until(async () => (await data(node, "starts")).trim().split("\n").length === 3);
    });

    test("to a place that cannot take them stay where they are", async () => {
      const { id, pid } = await get("mover");
      const taken = join(root.paths.root, "taken");
      await mkdir(join(taken, id), { recursive: true });
      const refusals = await Promise.all(
        ["relative", join(root.paths.root, "nowhere"), taken].map((directory) =>
          failureOf(finish(daemon.client.moveNodeData({ node: "mover", directory }))),
        ),
      );
      assert.deepEqual(
        refusals.map(({ code }) => code),
        ["invalid", "invalid", "conflict"],
      );
      assert.equal((await get("mover")).pid, pid);
    });

    test("that do not fit stay where they are, and the node comes up again", async () => {
      const small = join(root.paths.root, "small");
      await mkdir(small);
      await run("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", small]);
      try {
        const node = await get("mover");
        await writeFile(join(node.directory, "data/big"), Buffer.alloc(200_000));
        const failure = await failureOf(finish(daemon.client.moveNodeData({ node: "mover", directory: small })));
        assert.equal(failure.code, "no_resources");
        await until(async () => (await get("mover")).status === NodeStatus.RUNNING);
        assert.equal(await readlink(join(node.directory, "data")), join(elsewhere, node.id));
        await assert.rejects(access(join(small, `${node.id}.partial`)));
      } finally {
        await run("umount", [small]);
      }
    });

    test("come back, and go with the node", async () => {
      const node = await finish(daemon.client.moveNodeData({ node: "mover" }));
      assert.ok((await lstat(join(node.directory, "data"))).isDirectory());
      await assert.rejects(access(join(elsewhere, node.id)));
      await finish(daemon.client.moveNodeData({ node: "mover", directory: elsewhere }));
      await remove("mover");
      await until(() =>
        access(join(elsewhere, node.id)).then(
          () => false,
          () => true,
        ),
      );
    });
  });

  describe("what happened to a node", inTurn, () => {
    const eventsOf = async (node: string) => {
      const events = [];
      for await (const event of daemon.client.listNodeEvents({ node })) events.push(event);
      return events;
    };
    const logsOf = async (node: string, bundle = false) => {
      const logs = new Map<string, string>();
      for await (const { name, content } of daemon.client.readNodeLogs({ node, bundle }))
        logs.set(name, (logs.get(name) ?? "") + new TextDecoder().decode(content));
      return logs;
    };

    test("is told with its reasons, and so is what it printed, also when it is deleted", async () => {
      const node = await create("history", { properties: { color: "secret-green" } });
      await isWebUp("history");
      await until(async () => (await logsOf("history")).get("jobs/web.log") === "hello from history\n");
      process.kill(node.pid ?? 0, "SIGKILL");
      await until(async () =>
        (await eventsOf("history")).some(({ kind, operation }) => kind === "end" && operation === "recover"),
      );
      const events = await eventsOf("history");
      assert.deepEqual(
        events.filter(({ kind }) => kind !== "step").map(({ kind, operation, message }) => [kind, operation, message]),
        [
          ["begin", "create", ""],
          ["end", "create", ""],
          ["found", "recover", "the container does not run"],
          ["begin", "recover", ""],
          ["end", "recover", ""],
        ],
      );
      assert.ok(events.some(({ step, kind }) => kind === "step" && step === "initialize"));

      await remove("history");
      for (const reference of ["history", node.id]) {
        assert.equal((await logsOf(reference)).get("jobs/web.log")?.startsWith("hello from history\n"), true);
        assert.deepEqual((await eventsOf(reference)).at(-1)?.kind, "end");
      }
      const bundle = await logsOf("history", true);
      assert.deepEqual(JSON.parse(bundle.get("node.json") ?? "").properties, { color: "***" });
      assert.ok(![...bundle.values()].some((text) => text.includes("secret-green")));
      assert.equal((await failureOf(logsOf("never-was"))).code, "not_found");
    });

    test("is told while it happens", async () => {
      await create("followed", { start: false });
      const kinds: string[] = [];
      const abort = new AbortController();
      const following = (async () => {
        const stream = daemon.client.listNodeEvents({ node: "followed", follow: true }, { signal: abort.signal });
        for await (const { kind, operation } of stream) if (kind !== "step") kinds.push(`${operation} ${kind}`);
      })();
      await until(async () => kinds.length === 2);
      await remove("followed");
      await following;
      abort.abort();
      assert.deepEqual(kinds, ["create begin", "create end", "delete begin", "delete end"]);
    });
  });

  describe("a node that is created to run", inTurn, () => {
    test("is removed again when it cannot, unless it is to be kept", async () => {
      const imageUri = await makeTestImage(root.paths.root, "0.0.2", 'fn init() { throw "no way" }');
      const id = randomUUID();
      const failure = await failureOf(create("doomed", { id, imageUri }));
      assert.match(failure.message, /no way/);
      assert.match(
        failure.hint,
        new RegExp(`nothing was kept of the node; \`bv node logs ${id}\` shows what it printed$`),
      );
      await isGone(id);
      assert.equal((await failureOf(get(id))).code, "not_found");

      await failureOf(create("kept", { imageUri, keep: true }));
      assert.equal((await get("kept")).expectedStatus, NodeStatus.RUNNING);
      await remove("kept");
    });
  });

  describe("a stop", inTurn, () => {
    test("ends an upgrade that hangs, with the node down on the new version", async () => {
      await create("stuck");
      const imageUri = await makeTestImage(root.paths.root, "9.0.0", `${script("9.0.0")}\nfn init() { loop {} }`);
      const upgrade = failureOf(
        finish(daemon.client.upgradeDevNode({ node: "stuck", imageUri, imageVersion: "9.0.0" })),
      );
      await until(async () => (await get("stuck")).operation?.step === "initialize");
      const stopped = await finish(daemon.client.stopNode({ node: "stuck" }));
      assert.deepEqual([stopped.status, stopped.image?.version], [NodeStatus.STOPPED, "9.0.0"]);
      assert.equal((await upgrade).code, "cancelled");
      const back = await finish(daemon.client.rollbackNode({ node: "stuck" }));
      assert.deepEqual([back.status, back.image?.version], [NodeStatus.STOPPED, "1.0.0"]);
      assert.equal((await finish(daemon.client.startNode({ node: "stuck" }))).status, NodeStatus.RUNNING);
      await remove("stuck");
    });
  });
});
