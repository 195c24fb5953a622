import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { runCli, TemporaryDirectory } from "../testing/cli-process.ts";
import { type DaemonProcess, startDaemonProcess } from "../testing/daemon-process.ts";
import { busyboxImage, removeDockerImage } from "../testing/docker-images.ts";
import { nibInside } from "../testing/run-inside.ts";

/** A builder's and an operator's day on a real daemon; each test goes on where the one before ended. */
const project = new TemporaryDirectory();
const tag = `bv-cli-test-node-${process.pid}:latest`;
const metadata = join(project.path, "babel.yaml");
const failingTag = `bv-cli-test-failing-${process.pid}:latest`;
let daemon: DaemonProcess;
let node = { id: "", name: "" };

const run = (program: "nib" | "bv", args: readonly string[], input = "") =>
  runCli(program, args, { cwd: project.path, env: daemon.env, input });
const bv = (...args: string[]) => run("bv", args);
const nib = (...args: string[]) => run("nib", args);

before(async () => {
  daemon = await startDaemonProcess();
  using base = busyboxImage();
  await nib("image", "create", "acme", "acmed-mainnet-full", "--dir", ".");
  const built = await nib(
    "image",
    "build",
    "--builder",
    "docker",
    "--tag",
    tag,
    "--build-arg",
    `BASE_IMAGE=${base.name}`,
  );
  assert.equal(built.status, 0, built.stderr);
});
after(async () => {
  await daemon.close();
  removeDockerImage(failingTag);
  removeDockerImage(tag);
  project[Symbol.dispose]();
});

async function json(program: "nib" | "bv", ...args: string[]) {
  const { status, stdout, stderr } = await run(program, [...args, "--format", "json"]);
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

/** Asks until the answer fits: a service needs a moment to do its first work. */
async function until<T>(ask: () => Promise<T>, fits: (answer: T) => boolean): Promise<T> {
  let answer = await ask();
  for (let attempt = 0; attempt < 60 && !fits(answer); attempt += 1) answer = await ask();
  assert.ok(fits(answer), JSON.stringify(answer));
  return answer;
}

test("a machine without nodes says so", async () => {
  assert.deepEqual(await bv("node", "ls"), { status: 0, stdout: "No nodes found.\n", stderr: "" });
  const status = await bv("status");
  assert.match(status.stdout, /^Service running: blockvisord-dev \d+\.\d+\.\d+ - Ok\n/);
  const none = await bv("node", "info");
  assert.deepEqual([none.status, none.stderr.split("\n")[0]], [2, "Error: this machine has no nodes (BV001)"]);
});

test("the generated image passes all checks, and its node is gone afterwards", async () => {
  const all = ["plugin", "jobs-status", "jobs-restarts", "protocol-status"];
  const { status, stdout, stderr } = await nib("image", "check", ...all, "--force-cleanup", "--start-timeout", "60");
  assert.equal(status, 0, stdout + stderr);
  const lines = stdout.trimEnd().split("\n");
  assert.match(
    lines.find((line) => line.includes("dev_node")) ?? "",
    /^Created dev_node "[a-z]+-[a-z]+-[a-z]+" with ID `[0-9a-f-]{36}`$/,
  );
  assert.deepEqual(lines.slice(-2), ["Node deleted", "All checks passed!"]);
  assert.deepEqual((await json("bv", "node", "ls")).nodes, []);
});

test("play makes a stopped node and names it between backticks", async () => {
  const { status, stdout, stderr } = await nib(
    "image",
    "play",
    "--props",
    '{"block-interval-secs":"1","verbose-log":"on"}',
    "--tag",
    "test-tag",
    "--secret",
    "some-key=of the test",
  );
  assert.equal(status, 0, stderr);
  const [id = "", name = "", ...more] = [...stdout.matchAll(/`([^`]*)`/g)].map(([, inside = ""]) => inside);
  assert.match(id, /^[0-9a-f-]{36}$/);
  assert.match(name, /^[a-z]+-[a-z]+-[a-z]+$/);
  assert.deepEqual(more, []);
  node = { id, name };
  const [listed] = (await json("bv", "node", "ls")).nodes;
  assert.deepEqual(
    [
      listed.id,
      listed.name,
      listed.status,
      listed.tags,
      listed.properties["block-interval-secs"],
      listed.image.protocol_key,
    ],
    [id, name, "Stopped", ["test-tag"], "1", "acme"],
  );
  assert.equal(readFileSync(join(listed.directory, "secrets/some-key"), "utf8"), "of the test");
  const words = ["image", "test", "--record", id];
  const silent = await nibInside(words, { cwd: project.path, env: daemon.env });
  assert.match(silent.stderr, /^Error: node connection is closed \(NIB902\)\n {2}next: {2}the node has to run/m);
});

test("a node is named by name, id, their beginnings, its directory, or not at all", async () => {
  const started = await bv("node", "start", node.name);
  assert.deepEqual([started.status, started.stdout], [0, `Started node \`${node.id}\`\n`], started.stderr);
  const { id, name } = node;
  for (const given of [id, name, id.slice(0, 6), name.slice(0, 5), id.replaceAll("-", ""), `{${id.toUpperCase()}}`]) {
    assert.deepEqual(await bv("node", "status", given), { status: 0, stdout: "Running\n", stderr: "" }, given);
  }
  const inside = { cwd: join(daemon.root, "var/lib/blockvisor", node.id), env: daemon.env };
  assert.match((await runCli("bv", ["node", "info", "."], inside)).stdout, new RegExp(`^Name: +${node.name}\n`));
  const unknown = await bv("node", "status", "nobody");
  assert.deepEqual(
    [unknown.status, unknown.stderr.split("\n")[0]],
    [3, "Error: Node with name `nobody` not found (BV903)"],
  );
});

test("the table of nodes", async () => {
  const { stdout } = await bv("node", "ls", "--running", "--tag", "test-tag");
  const [rule = "", header = "", row = "", end] = stdout.split("\n");
  assert.match(rule, /^─+$/);
  assert.equal(end, rule);
  assert.match(header, /^ +ID +Name +Image +State +IP Address +Uptime {2}\[h:m:s\]$/);
  assert.match(
    row,
    new RegExp(
      `^ ${node.id} +${node.name} +acme/acmed-mainnet-full/0\\.0\\.1 +Running +10\\.[0-9.]+ +00:\\d\\d:\\d\\d$`,
    ),
  );
  assert.equal((await bv("n", "ls", "--tag", "other")).stdout, "No nodes found.\n");
});

test("functions of the plugin are listed and called, in both orders of the guide and with a parameter", async () => {
  const { stdout } = await bv("node", "caps");
  const names = stdout.trimEnd().split("\n");
  for (const name of ["height", "init", "protocol_status", "upload", "greet"]) assert.ok(names.includes(name), name);
  const { stdout: long } = await bv("node", "caps", "--long");
  assert.match(long, /^greet\(\w+\) {2}main\.rhai:\d+\n {4}\S/m);
  assert.match(long, /^upload\(\) {2}the platform's own$/m);
  const height = await until(
    () => bv("node", "run", "height"),
    ({ status }) => status === 0,
  );
  assert.match(height.stdout, /^\d+\n$/);
  assert.equal((await bv("node", "run", "greet", node.name, "--param", "world")).stdout, "hello world\n");
  writeFileSync(join(project.path, "name.txt"), "file");
  assert.equal((await bv("n", "run", "greet", "--param-file", "name.txt")).stdout, "hello file\n");
  assert.equal((await json("bv", "node", "run", "greet", "--param", "json")).value, "hello json\n");
});

test("a function that is not there, or throws, is told with what to do", async () => {
  const missing = await bv("node", "run", "nothing");
  assert.equal(missing.status, 3, missing.stderr);
  assert.match(missing.stderr, /^Error: Method not found\. Options are: block_age, .*protocol_status/);
  const unsafe = await bv("node", "run", "greet", "--param", "$(reboot)");
  assert.equal(unsafe.status, 1);
  assert.match(unsafe.stderr, /Shell unsafe character detected: \$/);
});

test("jobs are listed, looked at, stopped and started, with the node before or behind", async () => {
  const list = await bv("n", "j", node.name, "ls");
  assert.match(
    list.stdout,
    /^NAME {17}STATUS\ndisk-watch {11}Running\nidentity {13}Finished with exit code 0\nnode {17}Running\n$/,
  );
  assert.equal((await bv("node", "job", "list")).stdout, list.stdout);
  assert.deepEqual(await bv("node", "job", "stop", "node"), { status: 0, stdout: "", stderr: "" });
  const info = await bv("node", "job", node.id, "info", "node");
  assert.match(
    info.stdout,
    /^status: {11}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\| Stopped\nrestart_count: {4}0\nupgrade_blocking: false\nneeds: {12}identity\nconfig: {11}[0-9a-f]{12}\nlogs:/,
  );
  await bv("node", "job", "start", "node");
  const { jobs } = await json("bv", "node", "job", "list");
  assert.deepEqual(
    jobs.map(({ name, state }: { name: string; state: string }) => [name, state]),
    [
      ["disk-watch", "running"],
      ["identity", "finished"],
      ["node", "running"],
    ],
  );
  const { jobs: stopped } = await json("bv", "n", "j", "stop", "--all");
  assert.deepEqual(
    stopped.map(({ name, state }: { name: string; state: string }) => [name, state]),
    [
      ["disk-watch", "stopped"],
      ["node", "stopped"],
    ],
  );
  assert.deepEqual(await bv("node", "job", "delete", "disk-watch"), { status: 0, stdout: "", stderr: "" });
  const gone = await bv("n", "j", node.name, "rm", "disk-watch");
  assert.deepEqual(
    [gone.status, gone.stderr.split("\n")[0]?.includes("job 'disk-watch' not found")],
    [3, true],
    gone.stderr,
  );
  // What the plugin defines is back with its next init.
  assert.equal((await bv("node", "run", "init")).status, 0);
  const ordinary = await bv("node", "job", "reset", "node");
  assert.match(ordinary.stderr, /can't reset job 'node': it is no one-time job/);
  assert.equal(ordinary.status, 1);
  const wrong = await bv("node", "job", "stop");
  assert.deepEqual(
    [wrong.status, wrong.stderr.split("\n")[0]],
    [2, "Error: say which job: either its name or --all (BV001)"],
  );
});

test("logs of a job are shown, and followed until Ctrl-C", async () => {
  const { stdout } = await bv("node", "job", "logs", "node", "--lines", "1000");
  assert.match(stdout, /^starting at block 0\nblock 1\n/);
  assert.match(stdout, /stopping at block \d+\nstarting at block \d+\n/);
  assert.match((await bv("node", "job", "logs")).stdout, /^(disk-watch|node)\| /m);
  // The job keeps no times; it has run twice, so there is a run before.
  const since = await bv("node", "job", "logs", "node", "--since", "1m");
  assert.match(since.stdout, /^starting at block 0\nblock 1\n/);
  const untimed = "job 'node' does not note when it prints, so --since shows whole files of its log";
  assert.equal(since.stderr, `Warning: ${untimed}; set log_timestamp in its definition (BV001)\n`);
  const before = await bv("node", "job", "logs", "node", "--previous", "--lines", "2");
  assert.match(before.stdout, /^block \d+\nstopping at block \d+\n$/);
  const none = await bv("node", "job", "logs", "nobody");
  assert.deepEqual([none.status, none.stderr.split("\n")[0]], [3, "Error: No logs for 'nobody' job found! (BV903)"]);
  const main = join(import.meta.dirname, "main.ts");
  const follower = spawn(process.execPath, [main, "n", "j", "logs", "node", "-f", "-l", "1"], {
    env: { ...process.env, ...daemon.env },
  });
  let followed = "";
  await new Promise<void>((resolve) => {
    follower.once("exit", () => resolve());
    follower.stdout.setEncoding("utf8").on("data", (text: string) => {
      followed += text;
      if (followed.trimEnd().split("\n").length >= 3) resolve();
    });
  });
  follower.kill("SIGINT");
  const status = await new Promise((resolve) => follower.once("exit", resolve));
  assert.equal(status, 0, "Ctrl-C is how following ends");
  assert.match(followed, /^block \d+\nblock \d+\nblock \d+\n/);
});

test("the node is shown with its jobs and what the protocol says", async () => {
  await until(
    () => bv("node", "run", "height"),
    ({ status }) => status === 0,
  );
  const { status, stdout, stderr } = await bv("node", "info", node.name);
  assert.equal(status, 0, stderr);
  const { metrics, jobs, resources, node: shown } = await json("bv", "node", "info");
  const labels = stdout
    .split("\n")
    .filter((line) => /^\w/.test(line))
    .map((line) => line.split(":")[0]);
  assert.deepEqual(labels, [
    ..."Name,Id,Image,Status,Protocol status,Ip,Gateway,Uptime [h,Block height,Block age,APR,Jailed,Jailed reason,SQD name".split(
      ",",
    ),
    ..."In consensus,Jobs,Requirements,Assigned CPUs,Isolation,Tags,Properties".split(","),
    ..."CPU use,Memory use,Processes,Out of memory,Waiting for,Network".split(","),
    ...(resources.disk_read_bytes === null ? ["Disk use"] : ["Disk", "Disk use"]),
  ]);
  assert.match(stdout, /^Block height: {3}\d+$/m);
  assert.match(stdout, /^In consensus: {3}-$/m);
  assert.match(stdout, /^Requirements: {3}cpu: \d+, memory: 1000MB, disk: 2GB$/m);
  assert.match(stdout, /^Memory use: {5}\S+ \S?B of 1\S* GB$/m);
  assert.match(stdout, /^Processes: {6}\d+ of 16384$/m);
  assert.match(stdout, /^Isolation: {6}.*user ids .*, seccomp, own network, \d+ capabilities, (oci|apptainer)$/m);
  assert.deepEqual([shown.image.privileged, shown.isolation.privileged, shown.isolation.seccomp], [false, false, true]);
  assert.deepEqual([metrics.protocol_status.health, jobs.length], ["healthy", 3]);
  assert.deepEqual([resources.oom_kills, resources.memory_limit_bytes], [0, 1e9]);
  assert.ok(resources.data_bytes > 0 && resources.cpu_secs > 0);
  const told = await bv("node", "status", "-v", node.name);
  assert.deepEqual([told.stdout, told.stderr], ["Running\n", `${node.name}: is what it should be\n`]);
});

test("what is let in and out of the node is shown, as it should be and as it is in the kernel", async () => {
  const shown = await json("bv", "node", "firewall", node.name);
  assert.deepEqual([shown.node, shown.mode, shown.enforced, shown.reason], [node.id, "bridged", true, ""]);
  const defaults = shown.rules.filter((rule: { is_default: boolean }) => rule.is_default);
  assert.deepEqual(
    defaults.map(({ direction, action }: { direction: string; action: string }) => [direction, action]),
    [
      ["in", shown.rules.findLast((rule: { direction: string }) => rule.direction === "in").action],
      ["out", "allow"],
    ],
  );
  const text = await bv("node", "firewall", node.name);
  assert.match(text.stdout, new RegExp(`^${node.name}: in its own network\n`));
  assert.match(text.stdout, /Direction +Action +Protocol +Addresses +Ports +Rule +Packets\n/);
  assert.match(text.stdout, /out +allow +any +any +any +\(default\) +\d+\n/);
  const raw = await bv("node", "firewall", "--nft", node.name);
  assert.match(raw.stdout, /^table inet blockvisor \{[\s\S]*comment "\(default\)"[\s\S]*\}\n$/);
});

test("ports of the machine lead to the node as long as they are wanted, and are seen where one looks", async () => {
  const port = 42_000 + (process.pid % 1_000);
  const ports = [
    { protocol: "tcp", host_port: port, node_port: 8545 },
    { protocol: "udp", host_port: port + 1_000, node_port: port + 1_000 },
  ];
  const wanted = ["--set", `${port}:8545`, "--set", `${port + 1_000}/udp`];
  assert.deepEqual((await json("bv", "node", "ports", node.name, ...wanted)).ports, ports);
  const text = `${port} → 8545/tcp\n${port + 1_000} → ${port + 1_000}/udp\n`;
  assert.equal((await bv("node", "ports")).stdout, text);
  assert.match((await bv("node", "info")).stdout, new RegExp(`^Host ports: +${text.trim().replace("\n", ", ")}$`, "m"));
  assert.deepEqual((await json("bv", "node", "firewall", node.name)).ports, ports);
  const published = await nib("image", "play", "--publish", `${port}:1`);
  assert.deepEqual([published.status, published.stdout], [1, ""]);
  assert.match(published.stderr, new RegExp(`tcp port ${port} of the machine leads to node \`${node.name}\``));
  assert.equal((await bv("node", "ports", "--set", "1:2:3")).status, 2);
  assert.equal(
    (await bv("node", "ports", "--none")).stdout,
    `No port of this machine leads to node \`${node.name}\`\n`,
  );
});

test("an edit of the plugin in the node counts at the next call", async () => {
  const plugin = join(daemon.root, "var/lib/blockvisor", node.id, "rootfs/var/lib/babel/plugin/main.rhai");
  const before = readFileSync(plugin, "utf8");
  appendFileSync(plugin, '\nfn edited() { "yes" }\n');
  assert.equal((await bv("node", "run", "edited")).stdout, "yes\n");
  writeFileSync(plugin, `${before}\nfn edited( {\n`);
  const broken = await bv("node", "reload-plugin");
  assert.equal(broken.status, 1);
  assert.match(broken.stderr, /main\.rhai:\d+:\d+|\(line \d+, position \d+\)/);
  writeFileSync(plugin, before.replace("shutdown_timeout_secs: 20", "shutdown_timeout_secs: 21"));
  for (const _ of ["once", "again, as nothing was kept"]) {
    const { stdout } = await bv("node", "reload-plugin", "--dry-run");
    assert.match(
      stdout,
      /^plugin_config\(\) is not what it was; .*:\n {2}services\[node\]\.shutdown_timeout_secs changed\n$/,
    );
  }
  assert.equal(
    (await bv("node", "reload-plugin")).stdout,
    "plugin_config() is not what it was; services run by it:\n  services[node].shutdown_timeout_secs changed\n",
  );
  assert.deepEqual(await bv("node", "reload-plugin", node.name), { status: 0, stdout: "", stderr: "" });
  writeFileSync(plugin, before);
  assert.equal((await bv("node", "run", "init")).status, 0);
});

test("what functions ask the node is recorded without its secrets, and replayed where there is no node", async () => {
  const inNode = join(daemon.root, "var/lib/blockvisor", node.id, "rootfs/var/lib/babel/plugin/main.rhai");
  const here = join(project.path, "main.rhai");
  const before = readFileSync(here, "utf8");
  // The secret is asked for after it was seen, and seen where nobody expects it.
  const leaky = `
fn leaky(path) {
    let seen = file_read(path).as_string();
    seen + get_secret("some-key").as_string() + run_sh("wc -l < /etc/seen", #{ timeout: 5 }).unwrap()
}`;
  for (const file of [inNode, here]) appendFileSync(file, leaky);
  writeFileSync(join(daemon.root, "var/lib/blockvisor", node.id, "rootfs/etc/seen"), "key of the test.\n");
  const words = ["image", "test", "--record", node.name, "--function", "leaky=/etc/seen", "--filter", "recorded"];
  const { stdout, stderr } = await nibInside([...words, "--format", "json"], { cwd: project.path, env: daemon.env });
  assert.equal(stderr, "");
  const { data } = JSON.parse(stdout);
  const fixture = join(project.path, "tests/fixtures/acmed-mainnet-full.json");
  assert.deepEqual(
    [data.passed, data.failed, data.recorded.path, data.recorded.functions.includes("leaky"), data.tests[0].name],
    [1, 0, "tests/fixtures/acmed-mainnet-full.json", true, "functions as recorded"],
  );
  const text = readFileSync(fixture, "utf8");
  assert.doesNotMatch(text, /of the test/);
  const recording = JSON.parse(text);
  assert.ok(data.recorded.functions.includes("height"));
  assert.deepEqual(recording.functions.find((one: { function: string }) => one.function === "leaky").calls, [
    { call: "file_read", path: "/etc/seen", text: "key REDACTED_SECRET_some-key.\n" },
    { call: "get_secret", key: "some-key", value: "REDACTED_SECRET_some-key" },
    { call: "run_sh", script: "wc -l < /etc/seen", exit_code: 0, stdout: "1\n", stderr: "" },
  ]);
  for (const file of [inNode, here]) writeFileSync(file, before);
});

test("a shell in the node runs what it is told and gives its exit code", async () => {
  const { status, stdout } = await run(
    "bv",
    ["node", "shell"],
    "cat /var/lib/babel/templates/node.conf.template | head -n 1; exit 7\n",
  );
  assert.equal(status, 7);
  assert.match(stdout, /network = \{\{ network \}\}/);
  const paste = "0123456789abcde\n".repeat(65_536);
  assert.deepEqual(await run("bv", ["node", "shell", "--", "sh", "-c", "wc -c; echo $0 >&2", "a b"], paste), {
    status: 0,
    stdout: `${paste.length}\n`,
    stderr: "a b\n",
  });
  // The value of an option is no node.
  for (const before of [
    ["--format", "json", "node", "shell"],
    ["node", "shell", "--format", "json"],
  ]) {
    assert.deepEqual(await bv(...before, "--", "echo", "hi"), { status: 0, stdout: "hi\n", stderr: "" });
  }
  const killed = await bv("node", "shell", node.name, "--", "sh", "-c", "kill -TERM $$");
  assert.equal(killed.status, 143);
  const events = (await bv("node", "events", node.name, "--limit", "2")).stdout;
  assert.match(events, /shell begins {2}local\n.* shell done {2}exit status 143 /);
});

test("a member of the group opens a shell on a terminal, which is in the node's hands only while it lasts", async () => {
  const group = 54_321;
  const service = join(daemon.root, "run/blockvisor");
  chmodSync(daemon.root, 0o711);
  assert.equal(statSync(join(daemon.root, "run")).mode & 0o777, 0o755);
  for (const path of [service, join(service, "blockvisord.sock")]) chownSync(path, 0, group);
  const program = fileURLToPath(import.meta.resolve("../testing/as-member.ts"));
  const asMember = (of: number, ...words: string[]) =>
    [process.execPath, program, String(of), "node", "shell", node.name, ...words].join(" ");
  const refused = spawnSync("sh", ["-c", asMember(group + 1)], {
    encoding: "utf8",
    env: { ...process.env, ...daemon.env },
  });
  assert.match(refused.stderr, /run it as root, or as a member of the group blockvisor/);
  assert.equal(refused.status, 4);

  // What bv is started from: a terminal of script(1), whose modes it has to leave as they were.
  const [open, again] = [asMember(group), `sh -c 'echo pid $$; exec ${asMember(group)}'`];
  const script = `stty rows 33 cols 99; echo "<$(stty -g)>"; ${open}; echo "$? <$(stty -g)>"; ${again}; echo "$? <$(stty -g)>"`;
  const outer = spawn("script", ["-qec", script, "/dev/null"], {
    env: { ...process.env, ...daemon.env, TERM: "vt100", NO_COLOR: "1" },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(outer, "exit");
  let seen = "";
  const type = (keys: string): void => void outer.stdin.write(keys);
  outer.stdout.setEncoding("latin1").on("data", (text: string) => {
    seen += text;
    // Shells ask where the cursor is.
    for (const _ of seen.matchAll(/\x1b\[6n/g)) type("\x1b[1;1R");
    seen = seen.replaceAll(/\x1b\[\d*[A-Zn]/g, "");
  });
  const shown = async (pattern: RegExp): Promise<RegExpExecArray> => {
    for (;;) {
      const found = pattern.exec(seen);
      if (found) {
        seen = seen.slice(found.index + found[0].length);
        return found;
      }
      await Promise.race([once(outer.stdout, "data"), ended.then(() => assert.fail(`it ended:\n${seen}`))]);
    }
  };
  const [, modes] = await shown(/<(\S+)>/);
  await shown(/# $/);
  type("stty size; echo $TERM; tty; [ -O $(tty) ] && echo mine\r");
  await shown(/\r\n33 99\r\nvt100\r\n\/dev\/pts\/\d+\r\nmine\r\n.*# $/);
  type("sh -c 'stty -onlcr; printf \"[\\n]\\n\"; stty onlcr; echo waiting; cat'\r");
  await shown(/\[\n\]\nwaiting\r\n/);
  type("\x03");
  await shown(/# $/);
  type("echo $?; exit 7\r");
  await shown(/\r\n130\r\n/);
  const [, status, after] = await shown(/(\d+) <(\S+)>/);
  assert.deepEqual([status, after], ["7", modes]);
  const [, pid] = await shown(/pid (\d+)/);
  await shown(/# $/);
  process.kill(Number(pid), "SIGHUP");
  const [, interrupted, left] = await shown(/(\d+) <(\S+)>/);
  assert.deepEqual([interrupted, left], ["130", modes]);
  assert.deepEqual(await ended, [0, null]);
  await until(
    () => bv("node", "events", node.name, "--limit", "1"),
    ({ stdout }) => /shell done {2}who had opened it went away /.test(stdout),
  );
});

test("an upgrade takes the new version and keeps the data; the same image again is no change", async () => {
  const before = Number((await bv("node", "run", "height")).stdout);
  writeFileSync(metadata, readFileSync(metadata, "utf8").replace("version: 0.0.1", "version: 0.0.2"));
  const upgraded = await nib("image", "upgrade", node.name);
  assert.equal(upgraded.status, 0, upgraded.stderr);
  assert.match(upgraded.stdout, new RegExp(`Upgraded dev_node \`${node.id}\` named \`${node.name}\``));
  const [after] = (await json("bv", "node", "ls")).nodes;
  assert.deepEqual(
    [after.image.version, after.status, after.properties["block-interval-secs"]],
    ["0.0.2", "Running", "1"],
  );
  const height = await until(
    () => bv("node", "run", "height"),
    ({ status }) => status === 0,
  );
  assert.ok(Number(height.stdout) >= before, "the data survived");
  assert.equal((await json("nib", "image", "upgrade", node.id)).data.changed, false);
});

test("nodes made at the same time get addresses of their own, and several are then told apart", async () => {
  const made = await Promise.all([1, 2].map(() => json("nib", "image", "play")));
  const addresses = made.map(({ data }) => data.node.ip);
  assert.equal(new Set(addresses).size, 2);
  const ambiguous = await bv("node", "info");
  assert.equal(ambiguous.status, 2);
  assert.match(
    ambiguous.stderr,
    /^Error: say which node is meant: there are several \(BV001\)\n\n(?: {2}[a-z-]+ {2}[0-9a-f-]{36}\n){3}\n/,
  );
  const ids = made.map(({ data }) => data.node.id);
  const deleted = await bv("node", "rm", "-y", ...ids);
  assert.deepEqual([deleted.status, deleted.stdout.split("\n").length], [0, 3]);
});

test("a failure among several nodes does not stop the others", async () => {
  const { status, stdout, stderr } = await bv("node", "restart", "nobody", node.name);
  assert.equal(status, 3);
  assert.equal(stdout, `Restarted node \`${node.id}\`\n`);
  assert.match(stderr, /^nobody: .*not found.*\(BV903\)$[\s\S]*^Error: 1 of 2 nodes failed \(BV903\)$/m);
});

test("an address that is taken, and one that is none, are refused and leave nothing", async () => {
  const [{ ip }] = (await json("bv", "node", "ls")).nodes;
  const taken = await nib("image", "play", "--ip", ip);
  assert.equal(taken.status, 1);
  assert.match(taken.stderr, /^Error: .*exists|^Error: .*used/m);
  assert.equal((await nib("image", "play", "--ip", "1.2.3")).status, 2);
  assert.equal((await json("bv", "node", "ls")).nodes.length, 1);
});

test("a job that fails fails the check, with the end of its log, and the node is deleted when asked", async () => {
  const { status, stdout, stderr } = await nib(
    "image",
    "check",
    "jobs-status",
    "jobs-restarts",
    "--path",
    await failingImage(),
    "--force-cleanup",
    "--jobs-wait",
    "2",
  );
  assert.equal(status, 3, stdout + stderr);
  assert.match(stdout, /error NIB602 job 'identity' failed: Finished with exit code 5/);
  assert.match(stdout, /Last lines of job 'identity':\n {2}this is why\n/);
  assert.match(stdout, /^Node deleted$/m);
  assert.match(stderr, /^Error: check failed: \d errors? \(NIB300\)$/m);
  assert.equal((await json("bv", "node", "ls")).nodes.length, 1);
});

test("a node that does not start in time is an ordinary failure, cleaned up", async () => {
  const { status, stdout } = await nib("image", "check", "jobs-status", "--start-timeout", "1ms", "--force-cleanup");
  assert.equal(status, 3);
  assert.match(stdout, /error NIB601 the node did not start within 0\.001 s/);
  assert.match(stdout, /^Node deleted$/m);
});

test("Ctrl-C in the middle of a check deletes its node", async () => {
  const checking = spawnNib("image", "check", "jobs-status", "--jobs-wait", "10m", "--cleanup");
  await checking.said(/Started node, it is running/);
  checking.child.kill("SIGINT");
  assert.equal(await checking.ended, 130);
  assert.match(checking.output(), /Node deleted\n[\s\S]*Error: interrupted \(NIB003\)/);
  assert.equal((await json("bv", "node", "ls")).nodes.length, 1);
});

test("with --watch a save is in the node at once, broken ones too, and the end takes the node along", async () => {
  const plugin = join(project.path, "main.rhai");
  const good = readFileSync(plugin, "utf8");
  const watching = spawnNib("image", "play", "--watch", "--rm");
  await watching.said(/^Watching /m);
  const [, name = ""] = /named `([^`]*)`/.exec(watching.output()) ?? [];
  writeFileSync(plugin, `${good}\nfn watched() { "seen" }\n`);
  await watching.said(/^Reloaded main\.rhai: \d+ functions$/m);
  assert.equal((await bv("node", "run", "watched", name)).stdout, "seen\n");
  writeFileSync(plugin, `${good}\nfn watched( {\n`);
  await watching.said(/^Error: .*syntax/im);
  writeFileSync(plugin, good);
  await watching.said(/^Reloaded [\s\S]*^Reloaded main\.rhai/m);
  watching.child.kill("SIGINT");
  assert.equal(await watching.ended, 0);
  assert.match(watching.output(), new RegExp(`^Deleted node \`${name}\`$`, "m"));
  assert.equal((await json("bv", "node", "ls")).nodes.length, 1);
});

/** A `nib` that runs on its own, and what both its streams said so far. */
function spawnNib(...args: string[]) {
  const main = join(import.meta.dirname, "../nib/main.ts");
  const env = { ...process.env, NO_COLOR: "1", ...daemon.env };
  const child = spawn(process.execPath, [main, ...args], { cwd: project.path, env, stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  const listeners = new Set<() => void>();
  const heard = (more: string) => {
    text += more;
    for (const listener of listeners) listener();
  };
  child.stdout.setEncoding("utf8").on("data", heard);
  child.stderr.setEncoding("utf8").on("data", heard);
  const ended = new Promise<number | null>((resolve, reject) => child.once("close", resolve).once("error", reject));
  const said = (pattern: RegExp) =>
    new Promise<void>((resolve, reject) => {
      const look = () => pattern.test(text) && resolve();
      listeners.add(look);
      look();
      const late = () => reject(new Error(`it did not say ${pattern} within a minute:\n${text}`));
      setTimeout(late, 60_000).unref();
      void ended.then(() => reject(new Error(`it ended without saying ${pattern}:\n${text}`)));
    });
  return { child, ended, said, output: () => text };
}

test("what was wrong with the node last is told when it runs again, too", async () => {
  const { node: before } = await json("bv", "node", "info", node.name);
  process.kill(before.pid, "SIGKILL");
  await until(
    () => json("bv", "node", "info", node.name),
    ({ node: now }) => now.status === "Running" && now.pid !== null && now.pid !== before.pid,
  );
  const said = "the container does not run(: its first process was killed by SIGKILL)?";
  const { stdout } = await bv("node", "info", node.name);
  assert.match(stdout, new RegExp(`^Last fault: {5}${said} \\(.* UTC\\)$`, "m"));
  const { stderr } = await bv("node", "status", "-v", node.name);
  assert.match(stderr, new RegExp(`^${node.name}: is what it should be; last fault: ${said} `));
});

test("deleting asks, and only yes is yes", async () => {
  assert.deepEqual((await run("bv", ["node", "delete", node.name], "n\n")).status, 0);
  assert.equal((await json("bv", "node", "ls")).nodes.length, 1);
  const { stdout } = await run("bv", ["node", "delete", "--all"], "y\n");
  assert.equal(stdout, `Deleted node \`${node.name}\`\n`);
  assert.deepEqual((await json("bv", "node", "ls")).nodes, []);
});

/** The good image with another plugin, in which a job of init fails. */
async function failingImage(): Promise<string> {
  const directory = join(project.path, "failing");
  mkdirSync(directory);
  copyFileSync(metadata, join(directory, "babel.yaml"));
  const plugin = readFileSync(join(project.path, "main.rhai"), "utf8");
  writeFileSync(
    join(directory, "main.rhai"),
    plugin.replace('run_sh: "umask 077;', 'run_sh: "echo this is why; exit 5;'),
  );
  writeFileSync(join(directory, "Dockerfile"), `FROM ${tag}\nCOPY main.rhai /var/lib/babel/plugin/\n`);
  const path = join(directory, "babel.yaml");
  const built = await nib("image", "build", "--builder", "docker", "--tag", failingTag, "--path", path);
  assert.equal(built.status, 0, built.stderr);
  return path;
}
