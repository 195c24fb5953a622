import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { access, chown, lstat, mkdir, readFile, readlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { NodeStatus } from "@blockvisor/wire/blockvisor/host/v1/host";
import { dataBelow } from "../node/data-place.ts";
import { finish } from "../testbed/daemon-process.ts";
import { failureOf } from "../testbed/failure-of.ts";
import { NodeBench } from "../testbed/node-bench.ts";
import { makeTestImage, script } from "../testbed/test-image.ts";
import { tracesOf } from "../testbed/traces.ts";
import { until } from "../testbed/until.ts";

/** What operators do with nodes besides starting and stopping them. */
const run = promisify(execFile);
let bench: NodeBench;

before(async () => {
  bench = await NodeBench.start();
});

after(() => bench.close());

const version = async (node: string): Promise<string> =>
  (await bench.client.runFunction({ node, function: "version" })).value;

/** Tests of one group; without it they would be side by side as the groups are. */
const inTurn = { concurrency: 1 };

describe("side by side", { concurrency: 3 }, () => {
  describe("a rollback", inTurn, () => {
    test("brings the version before back at once, and another one the newer", async () => {
      await bench.create("back");
      const nothing = await failureOf(finish(bench.client.rollbackNode({ node: "back" })));
      assert.deepEqual(
        [nothing.code, nothing.message],
        ["invalid", "node `back` has no earlier version to go back to"],
      );
      await finish(bench.client.upgradeDevNode({ node: "back", imageUri: bench.second, imageVersion: "2.0.0" }));
      const node = await bench.get("back");
      assert.equal(node.previousImage?.version, "1.0.0");
      await writeFile(join(node.directory, "rootfs/etc/mark"), "of the second");

      const now = await finish(bench.client.rollbackNode({ node: "back" }));
      assert.deepEqual(
        [now.status, now.image?.version, now.previousImage?.version],
        [NodeStatus.RUNNING, "1.0.0", "2.0.0"],
      );
      assert.equal(await version("back"), "1.0.0");
      await bench.isWebUp("back");
      // Nothing was made anew: init ran once for each version, and the second's files are there again.
      await finish(bench.client.rollbackNode({ node: "back" }));
      assert.equal(await version("back"), "2.0.0");
      assert.equal(await bench.data(node, "inits"), "1.0.0\n2.0.0\n");
      assert.equal(await readFile(join(node.directory, "rootfs/etc/mark"), "utf8"), "of the second");
      await bench.remove("back");
    });

    test("is for a person to decide when an upgrade failed after it touched the data", async () => {
      await bench.create("touched");
      const init = 'fn init() { run_sh("touch /blockjoy/.protocol_data.lock").unwrap(); throw "too late" }';
      const imageUri = await makeTestImage(bench.root.paths.root, "7.0.0", init);
      const request = { node: "touched", imageUri, imageVersion: "7.0.0" };
      const failure = await failureOf(finish(bench.client.upgradeDevNode(request)));
      assert.equal(failure.code, "upgrade_failed");
      assert.match(failure.message, /too late.*can't rollback node upgrade if 'init' was already started/s);
      assert.equal((await bench.get("touched")).status, NodeStatus.FAILED);
      const back = await finish(bench.client.rollbackNode({ node: "touched" }));
      assert.deepEqual([back.status, back.image?.version], [NodeStatus.RUNNING, "1.0.0"]);
      await bench.remove("touched");
    });

    test("of a stopped node leaves it stopped, as an upgrade does", async () => {
      await bench.create("still", { start: false });
      const up = await finish(
        bench.client.upgradeDevNode({ node: "still", imageUri: bench.second, imageVersion: "2.0.0" }),
      );
      const back = await finish(bench.client.rollbackNode({ node: "still" }));
      assert.deepEqual(
        [up.status, up.image?.version, back.status, back.image?.version],
        [NodeStatus.STOPPED, "2.0.0", NodeStatus.STOPPED, "1.0.0"],
      );
      await bench.remove("still");
    });
  });

  describe("an upgrade to an image that cannot work", inTurn, () => {
    before(() => bench.create("checked"));
    after(() => bench.remove("checked"));

    test("is refused before anything is stopped when its plugin does not compile", async () => {
      const { pid } = await bench.get("checked");
      const broken = await makeTestImage(bench.root.paths.root, "0.0.1", "fn height( {");
      const request = { node: "checked", imageUri: broken, imageVersion: "0.0.1" };
      assert.equal((await failureOf(finish(bench.client.upgradeDevNode(request)))).code, "plugin_syntax");
      const now = await bench.get("checked");
      assert.deepEqual([now.status, now.pid, now.problem?.code], [NodeStatus.RUNNING, pid, "plugin_syntax"]);
    });

    test("goes back when it does not stay healthy for as long as it has to", async () => {
      const crashing = script("1.5.0").replace("exec sleep 1000000", "sleep 0.2; exit 7");
      const imageUri = await makeTestImage(bench.root.paths.root, "1.5.0", crashing);
      // Nobody would have noticed yet.
      const request = { node: "checked", imageUri, imageVersion: "1.5.0", watchMs: 20_000 };
      const { code, message } = await failureOf(finish(bench.client.upgradeDevNode(request)));
      assert.deepEqual(
        [code, /does not stay healthy: web (failed|has to be restarted)/.test(message)],
        ["upgrade_rolled_back", true],
        message,
      );
      const now = await bench.get("checked");
      assert.deepEqual(
        [now.status, now.image?.version, now.problem?.code],
        [NodeStatus.RUNNING, "1.0.0", "upgrade_rolled_back"],
      );
    });

    test("goes back when its container ends meanwhile, instead of being brought up again", async () => {
      const request = { node: "checked", imageUri: bench.second, imageVersion: "2.0.0", watchMs: 20_000 };
      const steps: string[] = [];
      const upgrade = (async () => {
        for await (const { event } of bench.client.upgradeDevNode(request)) {
          if (event.case !== "step") continue;
          steps.push(event.value.step);
          if (event.value.step === "watch_health")
            process.kill((await bench.get("checked")).pid ?? assert.fail("no process"), "SIGKILL");
        }
      })();
      const { code, message } = await failureOf(upgrade);
      assert.equal(code, "upgrade_rolled_back", message);
      assert.match(message, /does not stay healthy: (babel does not answer|its container or babel has ended)/);
      assert.deepEqual([steps.includes("watch_health"), (await bench.get("checked")).image?.version], [true, "1.0.0"]);
    });

    test("passes its smoke check, which leaves nothing, when it comes up", async () => {
      const node = await bench.get("checked");
      const request = {
        node: "checked",
        imageUri: bench.second,
        imageVersion: "2.0.0",
        smokeCheck: true,
        watchMs: 100,
      };
      // That a babel dies between two looks at it is no reason to fail, for the upgrade and for the stop.
      const killBabel = async (): Promise<void> => {
        const { process: babel } = JSON.parse(await readFile(join(node.directory, "agent.json"), "utf8"));
        process.kill(babel.pid, "SIGKILL");
      };
      for await (const { event } of bench.client.upgradeDevNode(request))
        if (event.case === "step" && event.value.step === "check_target" && !event.value.finished) await killBabel();
      assert.equal((await bench.get("checked")).image?.version, "2.0.0");
      await killBabel();
      assert.equal((await finish(bench.client.stopNode({ node: "checked" }))).status, NodeStatus.STOPPED);
      await assert.rejects(access(join(node.directory, "check")));
      assert.equal((await tracesOf(bench.root.paths, `check-${node.id}`)).length, 0);
    });
  });

  describe("a clone", inTurn, () => {
    before(() => bench.create("source"));
    after(() => bench.remove("source"));

    for (const stop of [false, true]) {
      test(`has the same image and a copy of the data, ${stop ? "of a node stopped for it" : "of a node that runs on"}`, async () => {
        await bench.isWebUp("source");
        const source = await bench.get("source");
        await writeFile(join(source.directory, "data/blocks"), "1 2 3");
        // A job runs a moment before its script has done anything.
        await until(async () => (await bench.data(source, "starts").catch(() => "")) !== "");
        const starts = (await bench.data(source, "starts")).length;
        const clone = await finish(bench.client.cloneNode({ node: "source", name: "copy", start: true, stop }));
        assert.deepEqual(
          [clone.status, clone.image?.digest, clone.properties, clone.ip === source.ip],
          [NodeStatus.RUNNING, source.image?.digest, source.properties, false],
        );
        assert.equal(await bench.data(clone, "blocks"), "1 2 3");
        await writeFile(join(clone.directory, "data/blocks"), "4");
        assert.equal(await bench.data(source, "blocks"), "1 2 3");
        const now = await bench.get("source");
        assert.equal(now.status, NodeStatus.RUNNING);
        // A node that was only held still kept its processes.
        assert.equal(now.pid === source.pid, !stop);
        if (!stop) assert.equal((await bench.data(source, "starts")).length, starts);
        await bench.remove("copy");
      });
    }
  });

  describe("data that are moved", inTurn, () => {
    let elsewhere: string;

    before(async () => {
      elsewhere = join(bench.root.paths.root, "disk2");
      await mkdir(elsewhere);
      await bench.create("mover");
    });

    test("lie there, and the node runs on with them", async () => {
      await bench.isWebUp("mover");
      const node = await finish(bench.client.moveNodeData({ node: "mover", directory: elsewhere }));
      assert.equal(node.status, NodeStatus.RUNNING);
      assert.equal(await readlink(join(node.directory, "data")), dataBelow(elsewhere, node.id));
      assert.equal(await readFile(join(dataBelow(elsewhere, node.id), "inits"), "utf8"), "1.0.0\n");
      const isStarted = (times: number) =>
        until(async () => (await bench.data(node, "starts")).trim().split("\n").length === times);
      await isStarted(2);
      // Whoever has the directory could put a link to anything in the place of the data.
      await chown(elsewhere, 65_534, 0);
      const message = `${elsewhere} does not belong to root: somebody else could put other data in its place`;
      for (const deed of [
        bench.client.restartNode({ node: "mover" }),
        bench.client.cloneNode({ node: "mover", name: "thief" }),
      ])
        assert.equal((await failureOf(finish(deed))).message, message);
      await chown(elsewhere, 0, 0);
      await finish(bench.client.startNode({ node: "mover" }));
      await isStarted(3);
    });

    test("to a place that cannot take them stay where they are", async () => {
      const { id, pid } = await bench.get("mover");
      const taken = join(bench.root.paths.root, "taken");
      await mkdir(join(taken, id), { recursive: true });
      const foreign = join(bench.root.paths.root, "foreign");
      await mkdir(foreign);
      await chown(foreign, 65_534, 0);
      const refusals = await Promise.all(
        ["relative", join(bench.root.paths.root, "nowhere"), taken, foreign].map((directory) =>
          failureOf(finish(bench.client.moveNodeData({ node: "mover", directory }))),
        ),
      );
      assert.deepEqual(
        refusals.map(({ code }) => code),
        ["invalid", "invalid", "conflict", "invalid"],
      );
      assert.equal((await bench.get("mover")).pid, pid);
    });

    test("that do not fit stay where they are, and the node comes up again", async () => {
      const small = join(bench.root.paths.root, "small");
      await mkdir(small);
      await run("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", small]);
      try {
        const node = await bench.get("mover");
        await writeFile(join(node.directory, "data/big"), Buffer.alloc(200_000));
        const failure = await failureOf(finish(bench.client.moveNodeData({ node: "mover", directory: small })));
        assert.equal(failure.code, "no_resources");
        await until(async () => (await bench.get("mover")).status === NodeStatus.RUNNING);
        assert.equal(await readlink(join(node.directory, "data")), dataBelow(elsewhere, node.id));
        await assert.rejects(access(`${dataBelow(small, node.id)}.partial`));
      } finally {
        await run("umount", [small]);
      }
    });

    test("come back, and go with the node", async () => {
      const node = await finish(bench.client.moveNodeData({ node: "mover" }));
      assert.ok((await lstat(join(node.directory, "data"))).isDirectory());
      await assert.rejects(access(dataBelow(elsewhere, node.id)));
      await finish(bench.client.moveNodeData({ node: "mover", directory: elsewhere }));
      await bench.remove("mover");
      await until(() =>
        access(dataBelow(elsewhere, node.id)).then(
          () => false,
          () => true,
        ),
      );
    });
  });

  describe("what happened to a node", inTurn, () => {
    const eventsOf = async (node: string) => {
      const events = [];
      for await (const event of bench.client.listNodeEvents({ node })) events.push(event);
      return events;
    };
    const logsOf = async (node: string, bundle = false) => {
      const logs = new Map<string, string>();
      for await (const { name, content } of bench.client.readNodeLogs({ node, bundle }))
        logs.set(name, (logs.get(name) ?? "") + new TextDecoder().decode(content));
      return logs;
    };

    test("is told with its reasons, and so is what it printed, also when it is deleted", async () => {
      const node = await bench.create("history", { properties: { color: "secret-green" } });
      await bench.isWebUp("history");
      await until(async () => (await logsOf("history")).get("jobs/web.log") === "hello from history\n");
      process.kill(node.pid ?? 0, "SIGKILL");
      await until(async () =>
        (await eventsOf("history")).some(({ kind, operation }) => kind === "end" && operation === "recover"),
      );
      const events = await eventsOf("history");
      assert.deepEqual(
        events
          .filter(({ kind }) => kind !== "step")
          // How its first process ended is only known if nobody has collected it yet.
          .map(({ kind, operation, message, origin }) => [
            kind,
            operation,
            message.replace(/: its first process .*/, ""),
            origin,
          ]),
        [
          ["begin", "create", "", "local"],
          ["end", "create", "", ""],
          ["found", "recover", "the container does not run", ""],
          ["begin", "recover", "", "recovery"],
          ["end", "recover", "", ""],
        ],
      );
      assert.ok(events.some(({ step, kind }) => kind === "step" && step === "initialize"));

      await bench.remove("history");
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
      await bench.create("followed", { start: false });
      const kinds: string[] = [];
      const abort = new AbortController();
      const following = (async () => {
        const stream = bench.client.listNodeEvents({ node: "followed", follow: true }, { signal: abort.signal });
        for await (const { kind, operation } of stream) if (kind !== "step") kinds.push(`${operation} ${kind}`);
      })();
      await until(async () => kinds.length === 2);
      await bench.remove("followed");
      await following;
      abort.abort();
      assert.deepEqual(kinds, ["create begin", "create end", "delete begin", "delete end"]);
    });
  });

  describe("a node that is created to run", inTurn, () => {
    test("is removed again when it cannot, unless it is to be kept", async () => {
      const imageUri = await makeTestImage(bench.root.paths.root, "0.0.2", 'fn init() { throw "no way" }');
      const id = randomUUID();
      const failure = await failureOf(bench.create("doomed", { id, imageUri }));
      assert.match(failure.message, /no way/);
      assert.match(
        failure.hint,
        new RegExp(`nothing was kept of the node; \`bv node logs ${id}\` shows what it printed$`),
      );
      await bench.isGone(id);
      assert.equal((await failureOf(bench.get(id))).code, "not_found");

      await failureOf(bench.create("kept", { imageUri, keep: true }));
      assert.equal((await bench.get("kept")).expectedStatus, NodeStatus.RUNNING);
      await bench.remove("kept");
    });
  });

  describe("a stop", inTurn, () => {
    test("ends an upgrade that hangs, with the node down on the new version", async () => {
      await bench.create("stuck");
      const imageUri = await makeTestImage(bench.root.paths.root, "9.0.0", `${script("9.0.0")}\nfn init() { loop {} }`);
      const upgrade = failureOf(
        finish(bench.client.upgradeDevNode({ node: "stuck", imageUri, imageVersion: "9.0.0" })),
      );
      await until(async () => (await bench.get("stuck")).operation?.step === "initialize");
      const stopped = await finish(bench.client.stopNode({ node: "stuck" }));
      assert.deepEqual([stopped.status, stopped.image?.version], [NodeStatus.STOPPED, "9.0.0"]);
      assert.equal((await upgrade).code, "cancelled");
      const back = await finish(bench.client.rollbackNode({ node: "stuck" }));
      assert.deepEqual([back.status, back.image?.version], [NodeStatus.STOPPED, "1.0.0"]);
      assert.equal((await finish(bench.client.startNode({ node: "stuck" }))).status, NodeStatus.RUNNING);
      await bench.remove("stuck");
    });

    test("names the job it waits for; by force it waits no longer, and takes the place of one that does", async () => {
      const stubborn = `fn init() { start_job("stubborn", #{
        job_type: #{ run_sh: "trap '' TERM; echo up; while :; do sleep 1; done" },
        restart: "never", shutdown_timeout_secs: 120 }) }`;
      const imageUri = await makeTestImage(bench.root.paths.root, "0.0.3", stubborn);
      // Its trap is set.
      const isUp = async () => {
        for await (const { text } of bench.client.streamJobLogs({ node: "slow", follow: true })) return text === "up";
        return false;
      };
      await bench.create("slow", { imageUri });
      await until(isUp);
      let news = "";
      let operationId = "";
      const orderly = failureOf(
        (async () => {
          for await (const { operationId: id, event } of bench.client.stopNode({ node: "slow" })) {
            operationId = id;
            if (event.case === "progress") news += `${event.value.message}\n`;
          }
        })(),
      );
      await until(async () => news !== "");
      assert.equal(news, "waiting for stubborn\n");
      assert.equal(operationId, (await bench.get("slow")).operation?.id);
      const again = failureOf(finish(bench.client.restartNode({ node: "slow", force: true })));
      assert.equal((await orderly).code, "cancelled");
      const stopped = await finish(bench.client.stopNode({ node: "slow", force: true }));
      assert.deepEqual([stopped.status, (await again).code], [NodeStatus.STOPPED, "cancelled"]);
      await finish(bench.client.startNode({ node: "slow" }));
      await until(isUp);
      const waits = failureOf(finish(bench.client.stopNode({ node: "slow" })));
      await until(async () => (await bench.get("slow")).operation?.step === "stop_jobs");
      const { operation } = await bench.get("slow");
      const behind = bench.client.startNode({ node: "slow" })[Symbol.asyncIterator]();
      const since = new Date(Number(operation?.since?.seconds) * 1000).toISOString().slice(11, 16);
      const { value: first } = await behind.next();
      assert.deepEqual(
        [first?.operationId, first?.event.case, first?.event.case === "progress" && first.event.value.message],
        ["", "progress", `waits for stop, since ${since} UTC`],
      );
      const nextNews = failureOf(behind.next());
      await finish(bench.client.stopNode({ node: "slow", force: true }));
      assert.deepEqual([(await waits).code, (await nextNews).code], ["cancelled", "cancelled"]);
      assert.match(
        bench.daemon.log(),
        /"origin":"local","method":"stopNode","request":"[0-9a-f-]{36}","node":"slow","msg":"request"/,
      );
      assert.doesNotMatch(bench.daemon.log(), /"method":"(?:getNode|streamJobLogs)"/);
      // Babel would have killed the job after its time.
      assert.match(bench.daemon.log(), /going on without: Failed to gracefully shutdown .*\(still running: stubborn\)/);
      await bench.remove("slow");
    });
  });
});
