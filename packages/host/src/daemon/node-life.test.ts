import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { lstat, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  CreateDevNodeRequestSchema,
  JobState,
  type Node,
  NodeStatus,
  ServiceStatus,
} from "@blockvisor/wire/blockvisor/host/v1/host";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type DaemonProcess,
  finish,
  makeRoot,
  pluginPath,
  startDaemonProcess,
  stepsOf,
  type TestRoot,
} from "../testbed/daemon-process.ts";
import { failureOf } from "../testbed/failure-of.ts";
import { makeTestImage, script } from "../testbed/test-image.ts";
import { tracesOf } from "../testbed/traces.ts";
import { until } from "../testbed/until.ts";

let root: TestRoot;
let daemon: DaemonProcess;
let image: string;

before(async () => {
  root = await makeRoot({ job_logs: { max_mb: 700, segments: 20 } });
  image = await makeTestImage(root.paths.root, "1.0.0");
  daemon = await startDaemonProcess(root);
});

after(async () => {
  for (const { id } of (await daemon.client.listNodes({ local: true })).nodes)
    await finish(daemon.client.deleteNode({ node: id }));
  await daemon.stop();
  await root.remove();
});

function createNode(change: MessageInitShape<typeof CreateDevNodeRequestSchema> = {}): Promise<Node> {
  return finish(
    daemon.client.createDevNode(
      create(CreateDevNodeRequestSchema, {
        imageKey: { protocolKey: "test", variantKey: "test-main" },
        imageVersion: "1.0.0",
        imageUri: image,
        vm: { cpuCores: 1, memoryMb: 1000n, diskGb: 1n },
        properties: { color: "green" },
        ...(change as object),
      }),
    ),
  );
}

const data = (node: Node, name: string): Promise<string> => readFile(join(node.directory, "data", name), "utf8");
const servicePid = async (node: Node): Promise<string> => (await data(node, "starts")).trim().split("\n").at(-1) ?? "";
/** Of its service, once that runs: another start of it is another run. */
async function serviceRun(node: Node): Promise<bigint | undefined> {
  const job = () => daemon.client.getJob({ node: node.id, job: "web" });
  await until(async () => (await job()).state === JobState.RUNNING);
  return (await job()).run?.number;
}

/** What recovery found, oldest first. */
async function faults(node: Node): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { kind, message } of daemon.client.listNodeEvents({ node: node.id })) {
    if (kind === "found") found.push(message);
  }
  return found;
}
/** A shell that nobody closes. */
async function* openShell(node: Node, ...command: readonly string[]): AsyncGenerator<string> {
  const over = Promise.withResolvers<void>();
  async function* requests() {
    const start = { node: node.id, command: [...command] };
    yield { message: { case: "start", value: start } } as const;
    await over.promise;
  }
  try {
    for await (const { message } of daemon.client.openShell(requests())) {
      if (message.case === "output") yield Buffer.from(message.value).toString();
    }
  } finally {
    over.resolve();
  }
}
const statusOf = async (node: Node): Promise<NodeStatus> => (await daemon.client.getNode({ node: node.id })).status;

describe("a dev node", () => {
  let node: Node;

  test("is created from an image on disk", async () => {
    const refused = await failureOf(createNode({ name: "first", secrets: { "../key": "text" } }));
    assert.deepEqual([refused.code, (await daemon.client.listNodes({ local: true })).nodes], ["invalid", []]);
    node = await createNode({ name: "first", secrets: { "some-key": "of its own" } });
    assert.deepEqual(
      [node.status, node.name, node.devMode, node.initialized, node.vm?.cpuCores],
      [NodeStatus.STOPPED, "first", true, false, 0],
    );
    assert.match(node.image?.digest ?? "", /^sha256:[0-9a-f]{64}$/);
    assert.equal(await readlink(join(root.paths.var, node.id)), `nodes/${node.id}`);
    assert.equal(await readFile(join(root.paths.var, node.id, "rootfs/etc/version"), "utf8"), "1.0.0");
    assert.equal((await lstat(join(node.directory, "state.json"))).mode & 0o777, 0o600);
  });

  test("starts, initialises and runs its jobs", async () => {
    const { code, message, hint } = await failureOf(openShell(node).next());
    assert.deepEqual(
      [code, message, hint],
      ["unavailable", "node first does not run", "start it first: bv node start first"],
    );
    const steps = await stepsOf(
      daemon.client.startNode({ node: "first" }, { headers: { "x-request-id": "from-test" } }),
    );
    const logged = daemon
      .log()
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      [
        logged.find(({ msg, method }) => msg === "request" && method === "startNode")?.request,
        logged.find(({ step }) => step === "start_container"),
        logged.find(({ step }) => step === "mount_rootfs")?.request === "from-test",
      ].map((line) => (typeof line === "object" ? [line.node, line.request] : line)),
      ["from-test", [node.id, "from-test"], false],
    );
    assert.deepEqual(
      // A babel that is up before its network is told by a call what it would have found.
      steps.filter((step) => step !== "configure_agent"),
      [
        ...["serve_engine", "set_up_network", "apply_firewall", "start_container"],
        ...["start_agent", "initialize", "mark_started"],
      ],
    );
    assert.equal(await statusOf(node), NodeStatus.RUNNING);
    await until(
      async () => (await daemon.client.getJob({ node: "first", job: "prepare" })).state === JobState.FINISHED,
    );
    const { jobs } = await daemon.client.listJobs({ node: "first" });
    assert.deepEqual(
      jobs.map(({ name, state }) => [name, state]),
      [
        ["prepare", JobState.FINISHED],
        ["web", JobState.RUNNING],
      ],
    );
    assert.equal(await data(node, "inits"), "1.0.0\n");
    const told = await readFile(join(node.directory, "rootfs/etc/babel.conf"), "utf8");
    const { log_limit_mb, log_segments } = JSON.parse(told);
    assert.deepEqual([log_limit_mb, log_segments], [700, 20]);
  });

  test("shows what its jobs print, and goes on showing it", async () => {
    const lines: string[] = [];
    const abort = new AbortController();
    const stream = daemon.client.streamJobLogs({ node: "first", job: "web", follow: true }, { signal: abort.signal });
    for await (const { job, text } of stream) {
      lines.push(`${job}: ${text}`);
      break;
    }
    abort.abort();
    assert.deepEqual(lines, ["web: hello from first"]);
  });

  test("runs functions of its plugin", async () => {
    const { functions } = await daemon.client.listCapabilities({ node: "first" });
    for (const name of ["greet", "height", "init", "version"])
      assert.ok(functions.includes(name), `${name} in ${functions}`);
    const call = async (name: string, param = ""): Promise<string> =>
      (await daemon.client.runFunction({ node: "first", function: name, param })).value;
    assert.deepEqual(
      [await call("greet", "you"), await call("height"), await call("color"), await call("inits")],
      ["hello you, this is first", "7", "green", "1.0.0\n"],
    );
    assert.equal(await call("secret", "some-key"), "of its own");
    assert.match((await failureOf(call("secret", "other-key"))).message, /not_found/);
    assert.match(daemon.log(), /"key":"other-key","msg":"the dev node has no such secret: make it with/);
    const failure = await failureOf(call("nothing"));
    assert.deepEqual([failure.code, failure.message], ["not_found", "protocol method not found"]);
  });

  test("takes an edited script with the next run, without restarting anything", async () => {
    const pid = await servicePid(node);
    await writeFile(join(node.directory, "rootfs", pluginPath), script("1.0.1"));
    assert.equal((await daemon.client.runFunction({ node: "first", function: "version" })).value, "1.0.1");
    assert.equal(await servicePid(node), pid);
    await writeFile(join(node.directory, "rootfs", pluginPath), "fn version( {");
    const failure = await failureOf(daemon.client.runFunction({ node: "first", function: "version" }));
    assert.match(failure.code, /^plugin_syntax$/);
    assert.equal(await statusOf(node), NodeStatus.RUNNING);
    await writeFile(join(node.directory, "rootfs", pluginPath), script("1.0.0"));
  });

  test("tells its metrics", async () => {
    const metrics = await daemon.client.getNodeMetrics({ node: "first" });
    assert.deepEqual(
      [metrics.height, metrics.protocolStatus?.state, metrics.protocolStatus?.health, metrics.problems],
      [7n, "broadcasting", "healthy", []],
    );
  });

  test("keeps running, processes and all, when the daemon is killed", async () => {
    const pid = await servicePid(node);
    const { pid: containerPid } = await daemon.client.getNode({ node: "first" });
    const agent = await readFile(join(node.directory, "agent.json"), "utf8");
    await daemon.kill();
    daemon = await startDaemonProcess(root);
    const found = await daemon.client.getNode({ node: "first" });
    assert.deepEqual([found.status, found.pid], [NodeStatus.RUNNING, containerPid]);
    assert.equal(await readFile(join(node.directory, "agent.json"), "utf8"), agent);
    assert.equal(await servicePid(node), pid);
    assert.equal((await daemon.client.runFunction({ node: "first", function: "height" })).value, "7");
  });

  test("gets its babel back when that is killed, and its jobs do not notice", async () => {
    const pid = await servicePid(node);
    const { process: babel } = JSON.parse(await readFile(join(node.directory, "agent.json"), "utf8"));
    process.kill(babel.pid, "SIGKILL");
    await until(async () => {
      const { process: now } = JSON.parse(await readFile(join(node.directory, "agent.json"), "utf8"));
      return now.pid !== babel.pid && (await statusOf(node)) === NodeStatus.RUNNING;
    });
    assert.equal(await servicePid(node), pid);
    assert.equal((await daemon.client.getJob({ node: "first", job: "web" })).state, JobState.RUNNING);
  });

  test("comes back when its container dies", async () => {
    const { pid } = await daemon.client.getNode({ node: "first" });
    process.kill(pid ?? 0, "SIGKILL");
    await until(async () => {
      const now = await daemon.client.getNode({ node: "first" });
      return now.pid !== pid && now.status === NodeStatus.RUNNING;
    });
    await until(async () => (await data(node, "starts")).trim().split("\n").length === 2);
    assert.equal(await data(node, "inits"), "1.0.0\n");
    assert.match(
      (await faults(node)).at(-1) ?? "",
      /^the container does not run(: its first process was killed by SIGKILL)?$/,
    );
  });

  test("is left as it died where recovery is off, and comes back when a person says so (DB-4.15)", async () => {
    const file = await readFile(root.paths.config, "utf8");
    await writeFile(root.paths.config, JSON.stringify({ ...JSON.parse(file), recovery: { enabled: false } }));
    await daemon.client.reloadConfig({});
    const { pid } = await daemon.client.getNode({ node: "first" });
    const before = (await faults(node)).length;
    process.kill(pid ?? 0, "SIGKILL");
    await until(async () => (await statusOf(node)) === NodeStatus.FAILED);
    assert.match((await faults(node)).at(-1) ?? "", /^the container does not run/);
    const begun = async (): Promise<readonly string[]> => {
      const operations: string[] = [];
      for await (const { kind, operation } of daemon.client.listNodeEvents({ node: "first" }))
        if (kind === "begin") operations.push(operation);
      return operations;
    };
    const recoveries = (await begun()).filter((operation) => operation === "recover").length;
    assert.equal((await finish(daemon.client.startNode({ node: "first" }))).status, NodeStatus.RUNNING);
    assert.deepEqual(
      [(await begun()).at(-1), (await begun()).filter((operation) => operation === "recover").length],
      ["start", recoveries],
    );
    assert.equal((await faults(node)).length, before + 1);
    await writeFile(root.paths.config, file);
    await daemon.client.reloadConfig({});
  });

  test("that ran out of memory while no daemon ran says so to the next one", async () => {
    const { pid } = await daemon.client.getNode({ node: "first" });
    await daemon.stop();
    // What the kernel counts when it does that.
    const record = JSON.parse(await readFile(join(node.directory, "container.json"), "utf8"));
    await writeFile(join(node.directory, "container.json"), JSON.stringify({ ...record, oomKillsBefore: -2 }));
    process.kill(pid ?? 0, "SIGKILL");
    daemon = await startDaemonProcess(root);
    await until(async () => (await statusOf(node)) === NodeStatus.RUNNING);
    assert.match(
      (await faults(node)).at(-1) ?? "",
      /^while no daemon ran: the container does not run: the kernel killed 2 of its processes for want of memory/,
    );
  });

  test("is left alone by a daemon that ends in order", async () => {
    const { pid } = await daemon.client.getNode({ node: "first" });
    // One that takes longer to hang up than the daemon to end.
    const shell = openShell(node, "sh", "-c", "trap '' HUP; echo up; sleep 1000");
    assert.equal((await shell.next()).value, "up\n");
    const cut = assert.rejects(shell.next());
    await daemon.stop();
    await cut;
    assert.equal(daemon.process.exitCode, 0);
    daemon = await startDaemonProcess(root);
    assert.equal((await daemon.client.getNode({ node: "first" })).pid, pid);
    const told: string[] = [];
    for await (const { kind, operation, message } of daemon.client.listNodeEvents({ node: node.id })) {
      if (operation === "shell") told.push(`${kind} ${message}`.trim());
    }
    assert.deepEqual(told, ["begin", "end blockvisord ended"]);
  });

  test("restarts, stops and starts again without another init", async () => {
    await finish(daemon.client.restartNode({ node: "first" }));
    assert.equal(await statusOf(node), NodeStatus.RUNNING);
    assert.equal((await finish(daemon.client.stopNode({ node: "first" }))).status, NodeStatus.STOPPED);
    const failure = await failureOf(daemon.client.listJobs({ node: "first" }));
    assert.deepEqual([failure.code, failure.message], ["unavailable", "node connection is closed"]);
    assert.equal((await failureOf(openShell(node).next())).message, "node first does not run");
    const printed = async (request: {
      readonly job: string;
      readonly follow?: boolean;
    }): Promise<readonly string[]> => {
      const lines: string[] = [];
      for await (const { text } of daemon.client.streamJobLogs({ node: "first", ...request })) lines.push(text);
      return lines;
    };
    assert.equal((await printed({ job: "web" })).at(-1), "hello from first");
    assert.equal((await failureOf(printed({ job: "nothing" }))).message, "No logs for 'nothing' job found!");
    assert.equal((await failureOf(printed({ job: "web", follow: true }))).code, "unavailable");
    await daemon.kill();
    daemon = await startDaemonProcess(root);
    assert.equal(await statusOf(node), NodeStatus.STOPPED);
    assert.equal((await finish(daemon.client.startNode({ node: "first" }))).status, NodeStatus.RUNNING);
    assert.equal(await data(node, "inits"), "1.0.0\n");
  });

  test("that recovery gave up on says why, also to the next daemon, and is tried again when its hour has come", async () => {
    await finish(daemon.client.stopNode({ node: "first" }));
    const path = join(node.directory, "state.json");
    const nextDaemon = async (nextAttempt: number): Promise<Node> => {
      await daemon.stop();
      const problem = { code: "failed", message: "no", hint: "", since: 1_000, attempts: 4, wanted: "Running" };
      const state = JSON.parse(await readFile(path, "utf8"));
      const givenUp = { ...state, expected_status: "Failed", problem: { ...problem, next_attempt: nextAttempt } };
      await writeFile(path, JSON.stringify(givenUp));
      daemon = await startDaemonProcess(root);
      return daemon.client.getNode({ node: "first" });
    };
    const inAnHour = Math.floor(Date.now() / 1_000 + 3_600) * 1_000;
    const { status, problem } = await nextDaemon(inAnHour);
    assert.deepEqual(
      [status, problem?.message, problem?.attempts, Number(problem?.nextAttempt?.seconds) * 1_000],
      [NodeStatus.FAILED, "no", 4, inAnHour],
    );
    await nextDaemon(Date.now());
    await until(async () => (await statusOf(node)) === NodeStatus.RUNNING);
    assert.equal((await daemon.client.getNode({ node: "first" })).problem, undefined);
  });

  test("with other parameters starts the services that they concern anew, and no other (babel-agent T-30)", async () => {
    const config = `config_files: [#{ template: "/etc/version", destination: "/etc/out", params: #{} },
        #{ template: "/etc/host.tera", destination: "/etc/proxy/host", params: #{ host: node_env().node_name } }],
      services: [#{ name: "color", run_sh: "echo " + node_params().color + " >> /blockjoy/colors; exec sleep 1000000",
        use_protocol_data: false, archive: false },
        #{ name: "proxy", run_sh: "cat /etc/proxy/host >> /blockjoy/hosts; exec sleep 1000000",
        use_protocol_data: false, archive: false },`;
    await writeFile(join(node.directory, "rootfs/etc/host.tera"), "{{ host }}.org\n");
    const plugin = script("1.0.0").replace("services: [", config);
    await writeFile(join(node.directory, "rootfs", pluginPath), plugin);
    await daemon.client.runFunction({ node: "first", function: "init" });
    const colors = () => data(node, "colors").catch(() => "");
    await until(async () => (await colors()) !== "");
    const [web, prepared, before] = [await serviceRun(node), await data(node, "prepared"), await colors()];
    // As an update by the control plane makes it durable before its first step.
    await daemon.kill();
    const path = join(node.directory, "state.json");
    const change = { properties: { color: "red" }, services_dirty: true, reconfigure: true };
    await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, "utf8")), ...change }));
    daemon = await startDaemonProcess(root);
    await until(async () => (await colors()) === `${before}red\n`);
    await until(async () => JSON.parse(await readFile(path, "utf8")).services_dirty === false);
    assert.deepEqual([await serviceRun(node), await data(node, "prepared")], [web, prepared]);
    await until(async () => (await data(node, "hosts").catch(() => "")) === "first.org\n");
  });

  test("with another name has it in its files, and starts those anew that read them or have it in what they run", async () => {
    const path = join(node.directory, "state.json");
    const [web, prepared, colors] = [await serviceRun(node), await data(node, "prepared"), await data(node, "colors")];
    await daemon.kill();
    const change = { name: "second", services_dirty: true, config_dirty: true, reconfigure: true };
    await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, "utf8")), ...change }));
    daemon = await startDaemonProcess(root);
    await until(async () => JSON.parse(await readFile(path, "utf8")).services_dirty === false);
    await until(async () => (await data(node, "hosts")) === "first.org\nsecond.org\n");
    // It says `$NODE_NAME`.
    assert.notEqual(await serviceRun(node), web);
    assert.deepEqual([await data(node, "prepared"), await data(node, "colors")], [prepared, colors]);
  });

  test("runs by an edited plugin after a reload: by difference, where init is as it was (plugin-api §1)", async () => {
    const path = join(node.directory, "rootfs", pluginPath);
    const edit = async (from: string, to: string) =>
      writeFile(
        path,
        (await readFile(path, "utf8")).replace(from, () => to),
      );
    const edited = async (from: string, to: string) => {
      await edit(from, to);
      const { changes, pending } = await daemon.client.reloadPlugin({ node: node.id });
      return [changes, pending];
    };
    const jobs = async () => (await daemon.client.listJobs({ node: node.id })).jobs.map(({ name }) => name).toSorted();
    const [web, prepared] = [await serviceRun(node), await data(node, "prepared")];
    const colors = () => data(node, "colors");
    const before = await colors();
    const body = "trap 'until [ ! -e /blockjoy/hold ]; do sleep 0.02; done; exit' TERM; while :; do sleep 0.02; done";
    assert.deepEqual(await edited("exec sleep 1000000", `echo edited >> /blockjoy/colors; ${body}`), [
      ["services[color].run_sh changed"],
      "",
    ]);
    await until(async () => (await colors()) === `${before}red\nedited\n`);

    // A daemon that is killed while a service ends for it leaves the rest to the next one.
    const hold = join(node.directory, "data/hold");
    await writeFile(hold, "");
    await edit(body, "echo once >> /blockjoy/colors; exec sleep 1000000");
    daemon.client.reloadPlugin({ node: node.id }).catch(() => {});
    await until(async () => (await daemon.client.getJob({ node: node.id, job: "color" })).stopping);
    await daemon.kill();
    await rm(hold);
    daemon = await startDaemonProcess(root);
    await until(async () => (await colors()) === `${before}red\nedited\nred\nedited\nonce\n`);
    await until(async () => !JSON.parse(await readFile(join(node.directory, "state.json"), "utf8")).config_dirty);
    const more = `services: [#{ name: "more", run_sh: "sleep 1000000", use_protocol_data: false, archive: false },`;
    assert.deepEqual(await edited("services: [", more), [["services[more] added"], ""]);
    assert.deepEqual(await jobs(), ["color", "more", "prepare", "proxy", "web"]);
    assert.deepEqual(await edited(more, "services: ["), [["services[more] removed"], ""]);
    assert.deepEqual(await jobs(), ["color", "prepare", "proxy", "web"]);

    // What is only told stays to be done, however often it is told.
    const command = 'commands: ["true", ';
    for (const from of ["commands: [", "no such text"]) {
      const told = [["init.commands changed"], "only `bv node run init` can tell what that means"];
      assert.deepEqual(await edited(from, command), told);
    }
    assert.deepEqual(await edited(command, "commands: ["), [[], ""]);
    assert.deepEqual([await serviceRun(node), await data(node, "prepared")], [web, prepared]);
    assert.equal(await colors(), `${before}red\nedited\nred\nedited\nonce\n`);
  });

  test("has its services back when an upload fails with nobody waiting, is cut by a kill of the daemon, or by a stop", async () => {
    const web = async () => (await daemon.client.getJob({ node: node.id, job: "web" })).state;
    const under = join(node.directory, "data", "uploading");
    const command = "touch /blockjoy/uploading; while [ -e /blockjoy/uploading ]; do sleep 0.02; done; exit 1";
    const uploading = script("1.0.0")
      .replace(/use_protocol_data: false,\s+archive: false,/, "")
      .replace("services: [", `pre_upload: #{ commands: ["${command}"], jobs: [] }, services: [`);
    await writeFile(join(node.directory, "rootfs", pluginPath), uploading);
    await daemon.client.runFunction({ node: node.id, function: "init" });
    const upload = async (signal?: AbortSignal): Promise<void> => {
      const options = signal ? { signal } : {};
      daemon.client.runFunction({ node: node.id, function: "upload" }, options).catch(() => {});
      await until(async () => existsSync(under));
      assert.equal(await web(), JobState.STOPPED);
      const { steps } = await daemon.client.getNode({ node: node.id });
      assert.deepEqual([steps?.done, steps?.total, steps?.next], [1, 4, `running: ${command.slice(0, 80)}`]);
    };
    const comesBack = () => until(async () => (await web()) === JobState.RUNNING);

    const client = new AbortController();
    await upload(client.signal);
    client.abort();
    await rm(under);
    await comesBack();

    await upload();
    await daemon.kill();
    await rm(under);
    daemon = await startDaemonProcess(root);
    await comesBack();

    await upload();
    await finish(daemon.client.stopNode({ node: node.id }));
    await rm(under, { force: true });
    await finish(daemon.client.startNode({ node: node.id }));
    await comesBack();
    const { uploading: isUploading, step_record: record } = JSON.parse(
      await readFile(join(node.directory, "state.json"), "utf8"),
    );
    assert.deepEqual([isUploading, record], [false, null]);
  });

  test("is gone without a trace when it is deleted, also for who asks for it meanwhile", async () => {
    await Promise.all([1, 2].map(() => finish(daemon.client.deleteNode({ node: node.id }))));
    await until(
      async () => (await tracesOf(root.paths, node.id)).length === 0,
      () => tracesOf(root.paths, node.id),
    );
    const failure = await failureOf(daemon.client.getNode({ node: node.id }));
    assert.equal(failure.code, "not_found");
  });
});

describe("a configuration that is read again", () => {
  const huge = () => createNode({ name: "huge", vm: { diskGb: 1_000_000n } });
  let file: Record<string, unknown>;

  const edit = (change: Readonly<Record<string, unknown>>) =>
    writeFile(root.paths.config, JSON.stringify({ ...file, ...change }));

  test("counts at once where it can, and names what has to wait", async () => {
    file = JSON.parse(await readFile(root.paths.config, "utf8"));
    const { applied, needsRestart } = await daemon.client.reloadConfig({});
    assert.deepEqual([applied, needsRestart, (await failureOf(huge())).code], [[], [], "no_resources"]);
    await edit({ maintenance_mode: true, recovery: { check_secs: 7 }, iface: "other0", token: "secret" });
    const changed = await daemon.client.reloadConfig({});
    assert.deepEqual([changed.applied, changed.needsRestart], [["maintenance_mode", "recovery"], ["iface"]]);
    await huge();
    await finish(daemon.client.deleteNode({ node: "huge" }));
    const images = { registries: ["ghcr.io/acme"] };
    await edit({ maintenance_mode: true, recovery: { check_secs: 7 }, iface: "other0", token: "secret", images });
    assert.deepEqual((await daemon.client.reloadConfig({})).applied, ["images"]);
    const id = "44444444-4444-4444-8444-444444444444";
    const refused = await failureOf(createNode({ id, imageUri: "docker://ghcr.io/other/node:v1" }));
    assert.equal(refused.code, "image_registry_refused");
    await until(async () => (await tracesOf(root.paths, id)).length === 0);
  });

  test("stays as it was when it is none, and is read at SIGHUP too", async () => {
    await edit({ maintenance_mode: "no" });
    const failure = await failureOf(daemon.client.reloadConfig({}));
    assert.equal(failure.code, "config_error");
    assert.match(failure.message, /blockvisor\.json: maintenance_mode: /);
    daemon.process.kill("SIGHUP");
    await until(async () => daemon.log().includes("the configuration stays as it was: failed to parse host config"));
    assert.equal(JSON.parse((await daemon.client.getInfo({})).configJson).maintenance_mode, true);
    await edit({});
    daemon.process.kill("SIGHUP");
    await until(async () => JSON.parse((await daemon.client.getInfo({})).configJson).maintenance_mode === false);
    assert.equal((await failureOf(huge())).code, "no_resources");
  });
});

describe("what cannot be done is refused, and leaves nothing", () => {
  const nodesOnDisk = async (): Promise<number> => (await daemon.client.listNodes({ local: true })).nodes.length;

  test("an image that does not exist", async () => {
    const failure = await failureOf(
      createNode({ id: "11111111-1111-4111-8111-111111111111", imageUri: "oci:/nowhere:latest" }),
    );
    assert.match(failure.code, /^image_/);
    await until(async () => (await tracesOf(root.paths, "11111111-1111-4111-8111-111111111111")).length === 0);
    assert.equal(await nodesOnDisk(), 0);
  });

  test("a plugin that does not compile", async () => {
    const broken = await makeTestImage(root.paths.root, "0.0.1", "fn height( {");
    const failure = await failureOf(createNode({ id: "22222222-2222-4222-8222-222222222222", imageUri: broken }));
    assert.equal(failure.code, "plugin_syntax");
    await until(async () => (await tracesOf(root.paths, "22222222-2222-4222-8222-222222222222")).length === 0);
  });

  test("a name or an address that is taken, a firewall that is wrong, a newer babel", async () => {
    const node = await createNode({ name: "taken" });
    const refused = await Promise.all(
      [
        createNode({ name: "taken" }),
        createNode({ ip: node.ip }),
        createNode({
          firewall: {
            defaultIn: "allow",
            defaultOut: "allow",
            rules: [{ name: "r", action: "deny", direction: "in", protocol: "tcp", ips: ["nonsense"], ports: [] }],
          },
        }),
        createNode({ minBabelVersion: "99.0.0" }),
        createNode({ vm: { diskGb: 1_000_000n } }),
        finish(daemon.client.upgradeDevNode({ node: "taken", imageUri: image, vm: { memoryMb: 1_000_000_000n } })),
      ].map(failureOf),
    );
    assert.deepEqual(
      refused.map(({ code, message }) => [code, message.split(":")[0]]),
      [
        ["conflict", "node with name `taken` exists"],
        ["conflict", `node with ip address \`${node.ip}\` exists`],
        ["firewall_invalid", "invalid ip address `nonsense` in firewall rule `r`"],
        ["unsupported", "image require never version of babel '99.0.0' while current is '0.1.0' - upgrade bv first"],
        ["no_resources", "not enough disk space to allocate for the node"],
        ["no_resources", "not enough memory to allocate for the node"],
      ],
    );
    assert.equal(await nodesOnDisk(), 1);
    await finish(daemon.client.deleteNode({ node: "taken" }));
  });

  test("a second daemon on the same root", async () => {
    const second = await startDaemonProcess(root, {}, { wait: false });
    assert.equal(await second.ended, 1);
    assert.match(second.log(), /another blockvisord serves .*blockvisord\.sock \[conflict\]/);
  });
});

describe("an upgrade", () => {
  let node: Node;

  const upgrade = (uri: string, version: string, headers: Record<string, string> = {}) =>
    daemon.client.upgradeDevNode({ node: node.id, imageUri: uri, imageVersion: version }, { headers });
  const nextRun = async (): Promise<boolean> =>
    (await daemon.client.listTasks({ node: node.id })).tasks.some((task) => task.nextRun !== undefined);

  before(async () => {
    node = await createNode({ name: "upgraded" });
    await finish(daemon.client.startNode({ node: node.id }));
  });

  after(async () => {
    await finish(daemon.client.deleteNode({ node: node.id }));
  });

  test("brings up the new version on the same data", async () => {
    const run = (name: string) => daemon.client.runFunction({ node: node.id, function: name });
    await run("remind");
    let meanwhile: Promise<unknown> | undefined;
    for await (const { event } of upgrade(await makeTestImage(root.paths.root, "2.0.0"), "2.0.0")) {
      // What reads the scripts again must not take the old ones, that are still there, for those of the new version.
      if (event.case === "step" && event.value.step === "switch_content" && event.value.finished)
        meanwhile = run("version");
    }
    assert.equal(((await meanwhile) as { value: string }).value, "1.0.0");
    const now = await daemon.client.getNode({ node: node.id });
    assert.deepEqual([now.status, now.image?.version], [NodeStatus.RUNNING, "2.0.0"]);
    assert.equal((await daemon.client.runFunction({ node: node.id, function: "version" })).value, "2.0.0");
    assert.equal(await data(node, "inits"), "1.0.0\n2.0.0\n");
  });

  test("to the image it runs does nothing", async () => {
    const { pid } = await daemon.client.getNode({ node: node.id });
    assert.deepEqual(await stepsOf(upgrade(`oci:${root.paths.root}/image-2.0.0:latest`, "2.0.0")), ["pull_target"]);
    assert.equal((await daemon.client.getNode({ node: node.id })).pid, pid);
  });

  test("that fails is rolled back, and the node runs as before", async () => {
    const uri = await makeTestImage(root.paths.root, "3.0.0", 'fn init() { throw "no way" }');
    assert.ok(await nextRun());
    const once = { "idempotency-key": "to 3.0.0" };
    const failure = await failureOf(finish(upgrade(uri, "3.0.0", once)));
    assert.equal(failure.code, "upgrade_rolled_back");
    assert.match(failure.message, /^node upgrade failed with: '.*no way.*'; but then successfully rolled back$/s);
    const now = await daemon.client.getNode({ node: node.id });
    assert.deepEqual(
      [now.status, now.image?.version, now.problem?.code],
      [NodeStatus.RUNNING, "2.0.0", "upgrade_rolled_back"],
    );
    assert.equal((await daemon.client.runFunction({ node: node.id, function: "version" })).value, "2.0.0");
    assert.ok(await nextRun(), "tasks of the node go on");
    // Who asks again, because the answer got lost, is told the same; nothing is done again.
    assert.deepEqual(await failureOf(finish(upgrade(uri, "3.0.0", once))), failure);
    assert.equal((await daemon.client.getNode({ node: node.id })).pid, now.pid);
  });

  test("with an image that cannot be fetched touches nothing", async () => {
    const { pid } = await daemon.client.getNode({ node: node.id });
    const failure = await failureOf(finish(upgrade("oci:/nowhere:latest", "4.0.0")));
    assert.match(failure.code, /^image_/);
    assert.equal((await daemon.client.getNode({ node: node.id })).pid, pid);
  });
});

describe("jobs", () => {
  const plugin = `
fn plugin_config() { #{ init: #{ commands: [], jobs: [] }, services: [] } }
fn init() {
  create_job("base", #{ job_type: #{ run_sh: "exec sleep 1000000" }, restart: "never" });
  create_job("above", #{ job_type: #{ run_sh: "echo begun; exec sleep 1000000" }, restart: "never", wait_for: ["base"] });
  create_job("idle", #{ job_type: #{ run_sh: "true" }, restart: "never" });
  start_job("base");
  start_job("above");
}
`;

  test("are all stopped at once, those that wait for others too, and each can be deleted", async () => {
    const imageUri = await makeTestImage(root.paths.root, "0.0.8", plugin);
    const { id: node } = await createNode({ name: "jobs", imageUri });
    await finish(daemon.client.startNode({ node }));
    const states = async () => {
      const { jobs } = await daemon.client.listJobs({ node });
      return Object.fromEntries(jobs.map(({ name, state }) => [name, state]));
    };
    const { PENDING, RUNNING, STOPPED } = JobState;
    await until(async () => (await states())["base"] === RUNNING);
    assert.deepEqual(await states(), { above: PENDING, base: RUNNING, idle: STOPPED });
    const { jobs: stopped } = await daemon.client.stopAllJobs({ node });
    assert.deepEqual(
      stopped.map(({ name, state }) => [name, state]),
      [
        ["above", STOPPED],
        ["base", STOPPED],
      ],
    );
    assert.deepEqual(await states(), { above: STOPPED, base: STOPPED, idle: STOPPED });
    const lines: string[] = [];
    for await (const { text } of daemon.client.streamJobLogs({ node, job: "above" })) lines.push(text);
    assert.deepEqual(lines, [], "it never began");
    await daemon.client.deleteJob({ node, job: "above" });
    assert.deepEqual(await states(), { base: STOPPED, idle: STOPPED });
    assert.equal((await failureOf(daemon.client.deleteJob({ node, job: "above" }))).code, "job_not_found");
    await finish(daemon.client.deleteNode({ node }));
  });
});

describe("operations", () => {
  test("on a node that hangs in its init can be taken back by stop and delete", async () => {
    const uri = await makeTestImage(root.paths.root, "0.0.9", "fn init() { loop {} }");
    const node = await createNode({ name: "hanging", imageUri: uri });
    const start = failureOf(finish(daemon.client.startNode({ node: node.id })));
    await until(async () => (await daemon.client.getNode({ node: node.id })).operation?.step === "initialize");
    // Who replaces the daemon is told what it waits for; nothing new is begun until then, or until he gives up (DB-3.2).
    const update = daemon.client.startUpdate({})[Symbol.asyncIterator]();
    const told = async () => {
      const { value } = await update.next();
      return [value.status, value.busyNodes, value.leaseEndsAt !== undefined];
    };
    assert.deepEqual(await told(), [ServiceStatus.UPDATING, ["hanging"], true]);
    const refused = await failureOf(finish(daemon.client.stopNode({ node: node.id })));
    assert.deepEqual([refused.code, refused.message], ["gate", "pending update, try again later"]);
    assert.equal((await failureOf(createNode({ name: "new" }))).code, "gate");
    for await (const { status } of daemon.client.startUpdate({ cancel: true })) assert.equal(status, ServiceStatus.OK);
    assert.deepEqual(await told(), [ServiceStatus.OK, ["hanging"], false]);
    assert.equal((await update.next()).done, true);
    assert.equal((await finish(daemon.client.stopNode({ node: node.id }))).status, NodeStatus.STOPPED);
    assert.equal((await start).code, "cancelled");
    await finish(daemon.client.deleteNode({ node: node.id }));
  });

  test("that hang hold up nobody else: neither table nor names wait for them (11.2)", async () => {
    // Whoever asks it for an image waits for as long as he likes.
    const registry = createServer().listen(0, "127.0.0.1");
    await once(registry, "listening");
    const connected = once(registry, "connection");
    const imageUri = `docker://127.0.0.1:${(registry.address() as AddressInfo).port}/never:1`;
    const id = "5a5e8b0e-59f5-4a4c-9c0e-6f7d3c1b2a10";
    const creation = failureOf(createNode({ id, name: "fetching", imageUri }));
    const [connection] = await connected;

    const other = await createNode({ name: "another" });
    assert.equal((await failureOf(createNode({ name: "fetching" }))).code, "conflict");
    // Asked for once more, it is the same one.
    assert.equal((await createNode({ id, name: "fetching", imageUri })).operation?.kind, "create");
    await finish(daemon.client.deleteNode({ node: other.id }));
    const names = (await daemon.client.listNodes({ local: true })).nodes.map(({ name }) => name);
    assert.deepEqual([names.includes("fetching"), names.includes("another")], [true, false]);

    await finish(daemon.client.deleteNode({ node: id }));
    assert.equal((await creation).code, "cancelled");
    assert.equal((await createNode({ id, name: "fetching" })).name, "fetching");
    await finish(daemon.client.deleteNode({ node: id }));
    connection.destroy();
    registry.close();
  });

  test("do not wait for a plugin that is asked for metrics, nor is its node busy meanwhile (DB-10.4)", async () => {
    const plugin = `${script("0.1.1").replace("    7\n", '    run_sh("exec sleep 1000"); 7\n')}`;
    const { id: node } = await createNode({
      name: "asked",
      imageUri: await makeTestImage(root.paths.root, "0.1.1", plugin),
    });
    await finish(daemon.client.startNode({ node }));
    const metrics = daemon.client.getNodeMetrics({ node }).then(
      ({ problems }) => problems.join(),
      (error: Error) => error.message,
    );
    assert.equal((await daemon.client.getNode({ node })).status, NodeStatus.RUNNING);
    assert.equal((await finish(daemon.client.stopNode({ node }))).status, NodeStatus.STOPPED);
    // It was still being asked when its node went down.
    assert.match(await metrics, /^height: /);
    await finish(daemon.client.deleteNode({ node }));
  });

  test("go on when the client that asked has gone", async () => {
    const node = await createNode({ name: "orphaned" });
    const abort = new AbortController();
    for await (const _ of daemon.client.startNode({ node: node.id }, { signal: abort.signal })) break;
    abort.abort();
    await until(async () => (await statusOf(node)) === NodeStatus.RUNNING);
    await finish(daemon.client.deleteNode({ node: node.id }));
  });
});
