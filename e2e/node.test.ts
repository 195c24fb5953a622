import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { dockerBuild, Workbench } from "./workbench.ts";

/** Of this run: one of the nodes has them on the host itself. */
const openPort = 20_000 + (process.pid % 10_000) * 2;
const closedPort = openPort + 1;

const dockerfile = `FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
ENV COLOUR=green
COPY main.rhai /var/lib/babel/plugin/
`;

const plugin = `
fn plugin_config() {
    #{
        init: #{ commands: ["echo init >> /blockjoy/inits"], jobs: [] },
        services: [
            #{ name: "open", run_sh: "exec busybox httpd -f -p ${openPort} -h /blockjoy" },
            #{ name: "closed", run_sh: "exec busybox httpd -f -p ${closedPort} -h /blockjoy" },
            #{ name: "ticker", run_sh: "i=0; while true; do i=$((i+1)); echo tick $i; sleep 0.05; done", log_timestamp: true },
            #{ name: "waiter", run_sh: "until [ -e /blockjoy/go ]; do sleep 0.05; done; exit 9", restart_config: #{ backoff_timeout_ms: 600000, backoff_base_ms: 1, max_retries: 0 } },
        ],
    }
}
`;

const firewall = `firewall_config:
  default_in: deny
  default_out: allow
  rules:
    - key: open
      action: allow
      direction: in
      protocol: tcp
      ips: []
      ports: [{ port: ${openPort} }]
`;

/** An image with a shell and two servers, of which the firewall lets one be reached. */
function nodeImage(bench: Workbench, name: string): string {
  const folder = bench.example("minimal-scratch");
  copyFileSync("/bin/busybox", join(folder, "busybox"));
  writeFileSync(join(folder, "Dockerfile"), dockerfile);
  writeFileSync(join(folder, "main.rhai"), plugin);
  const yaml = readFileSync(join(folder, "babel.yaml"), "utf8")
    .replace("minimal-scratch:latest", `${name}:latest`)
    .replace(/firewall_config:[\s\S]*rules: \[\]\n/, firewall)
    .replace("min_memory_mb: 64", "min_memory_mb: 200\n    ramdisks: [{ mount: /mnt/ram, size_mb: 16 }]");
  writeFileSync(join(folder, "babel.yaml"), yaml);
  dockerBuild(folder, `${name}:latest`);
  return folder;
}

interface NodeFacts {
  readonly id: string;
  readonly name: string;
  readonly ip: string;
  readonly status: string;
  readonly directory: string;
}

const nodesOf = (bench: Workbench): readonly NodeFacts[] =>
  JSON.parse(bench.must("bv", ["node", "list", "--format", "json"])).nodes;

/** What a server of the node has under /inits; undefined when nobody is reached. */
async function served(host: string, port: number): Promise<string | undefined> {
  const response = await fetch(`http://${host}:${port}/inits`, { signal: AbortSignal.timeout(1500) }).catch(
    () => undefined,
  );
  return response?.text();
}

async function eventually<T>(what: string, look: () => T | Promise<T>, good: (seen: T) => boolean): Promise<T> {
  for (let attempt = 0; attempt < 300; attempt += 1) {
    const seen = await look();
    if (good(seen)) return seen;
    await delay(100);
  }
  assert.fail(`never: ${what}`);
}

/** Processes of a node that matter: pid and command, of every member of its cgroup. */
function processesOf(id: string): ReadonlyMap<number, string> {
  const hierarchy = ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"].find((root) => existsSync(`${root}/blockvisor/${id}`));
  const members = execFileSync(
    "find",
    [`${hierarchy}/blockvisor/${id}`, "-name", "cgroup.procs", "-exec", "cat", "{}", "+"],
    {
      encoding: "utf8",
    },
  );
  const commandOf = (pid: string): string => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
    } catch {
      return "";
    }
  };
  return new Map(
    members
      .trim()
      .split("\n")
      .map((pid) => [Number(pid), commandOf(pid)]),
  );
}

describe("a node, seen from outside and from inside", () => {
  const bench = new Workbench("node");
  let folder: string;
  let node: NodeFacts;
  const inside = (script: string): string =>
    bench.must("bv", ["node", "shell", node.id], { input: `${script}\n` }).trim();

  before(async () => {
    folder = nodeImage(bench, "e2e-node");
    await bench.startDaemon();
    bench.must("nib", ["image", "play", "--start"], { cwd: folder });
    [node] = nodesOf(bench) as [NodeFacts];
  });
  after(() => bench[Symbol.asyncDispose]());

  test("it has namespaces, a name, an address and an environment of its own", () => {
    for (const kind of ["pid", "mnt", "ipc", "uts", "net", "cgroup"]) {
      assert.notEqual(inside(`readlink /proc/self/ns/${kind}`), readlinkSync(`/proc/self/ns/${kind}`), kind);
    }
    assert.equal(inside("hostname"), node.name);
    assert.equal(
      inside("hostname -i 2>/dev/null; ip -4 -o addr show eth0 | awk '{print $4}'").split("\n").at(-1),
      `${node.ip}/24`,
    );
    assert.equal(inside("echo $COLOUR $NODE_ID"), `green ${node.id}`);
    assert.equal(bench.run("bv", ["node", "shell", node.id], { input: "exit 7\n" }).status, 7);
  });

  test("its limits hold", () => {
    assert.match(inside("df -k /mnt/ram | tail -n 1"), /^tmpfs +1562[0-9] /);
    assert.equal(inside("head -c 400000000 /dev/zero | tail -c 400000000 2>/dev/null | wc -c"), "0");
    const limit = ["memory/blockvisor/ID/memory.limit_in_bytes", "blockvisor/ID/memory.max"]
      .map((file) => `/sys/fs/cgroup/${file.replace("ID", node.id)}`)
      .find(existsSync);
    const pages = (bytes: number): number => Math.floor(bytes / 4096);
    assert.equal(pages(Number(readFileSync(limit ?? "", "utf8"))), pages(200_000_000));
  });

  test("the host reaches what the firewall allows, and nothing else", async () => {
    assert.equal(
      await eventually(
        "an answer",
        () => served(node.ip, openPort),
        (text) => text !== undefined,
      ),
      "init\n",
    );
    assert.equal(inside(`wget -q -O - http://127.0.0.1:${closedPort}/inits`), "init");
    assert.equal(await served(node.ip, closedPort), undefined);
  });

  test("a second one of the same image copies nothing", () => {
    bench.must("nib", ["image", "play"], { cwd: folder });
    const second = nodesOf(bench).find(({ id }) => id !== node.id);
    const kilobytes = Number(
      execFileSync("du", ["-skx", `${second?.directory}/roots`], { encoding: "utf8" }).split("\t")[0],
    );
    assert.ok(kilobytes < 100, `${kilobytes} kB`);
    bench.must("bv", ["node", "delete", "--yes", second?.id ?? ""]);
  });

  test("kill -9 of blockvisord and babel: same processes, no line lost, the exit code is known", async () => {
    const jobs = new Map([...processesOf(node.id)].filter(([, command]) => command.startsWith("busybox httpd")));
    assert.equal(jobs.size, 2);
    const babel = JSON.parse(readFileSync(join(node.directory, "agent.json"), "utf8")).process.pid as number;
    await bench.killDaemon();
    process.kill(babel, "SIGKILL");
    writeFileSync(join(node.directory, "data/go"), "");
    await delay(500); // lines come while nobody watches
    await bench.startDaemon();
    await eventually(
      "Running",
      () => nodesOf(bench)[0]?.status,
      (status) => status === "Running",
    );
    const waiter = await eventually(
      "the job's end",
      () => bench.run("bv", ["node", "job", "info", "waiter"]).stdout,
      (text) => !/Running/.test(text),
    );
    assert.match(waiter, /Finished with exit code 9/);
    const now = processesOf(node.id);
    for (const [pid, command] of jobs) assert.equal(now.get(pid), command);
    const lines = bench.must("bv", ["node", "job", "logs", "ticker", "--lines", "100000"]).trim().split("\n");
    assert.ok(lines.length > 10);
    lines.forEach((line, index) => {
      assert.match(
        line,
        new RegExp(`^\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d{3} [+-]\\d\\d:\\d\\d\\|tick ${index + 1}$`),
      );
    });
  });

  test("after a reboot it is back, and a stopped one is not", async () => {
    bench.must("nib", ["image", "play"], { cwd: folder });
    const stopped = nodesOf(bench).find(({ id }) => id !== node.id);
    await bench.killDaemon();
    forgetAsRebootDoes(bench, node);
    if (stopped) spawnSync("umount", [join(stopped.directory, "rootfs")]);
    await bench.startDaemon();
    await eventually(
      "Running",
      () => nodesOf(bench).find(({ id }) => id === node.id)?.status,
      (status) => status === "Running",
    );
    assert.equal(nodesOf(bench).find(({ id }) => id === stopped?.id)?.status, "Stopped");
    assert.equal(
      await eventually(
        "an answer",
        () => served(node.ip, openPort),
        (text) => text !== undefined,
      ),
      "init\n",
    );
    assert.equal(await served(node.ip, closedPort), undefined);
    assert.equal(readFileSync(join(node.directory, "data/inits"), "utf8"), "init\n");
    bench.must("bv", ["node", "delete", "--all", "--yes"]);
    // What happened to deleted nodes is kept; nothing else of them is.
    assert.deepEqual(readdirSync(join(bench.root, "var/lib/blockvisor")).sort(), ["history", "images", "nodes"]);
  });
});

/** Everything of a node that does not outlive a reboot: processes, mounts, network, cgroups, /run. */
function forgetAsRebootDoes(bench: Workbench, { id, directory }: NodeFacts): void {
  for (const pid of processesOf(id).keys()) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended with another one.
    }
  }
  execFileSync("umount", ["-l", join(directory, "rootfs")]);
  execFileSync("ip", ["netns", "delete", `bv-${id}`]);
  spawnSync("find", ["/sys/fs/cgroup", "-depth", "-type", "d", "-path", `*${id}*`, "-exec", "rmdir", "{}", ";"]);
  execFileSync("rm", ["-rf", join(bench.root, "run")]);
}

test("a node on the host's network: its firewall is its own, the host's traffic is nobody else's business", async () => {
  await using bench = new Workbench("host-network");
  mkdirSync(join(bench.root, "etc"));
  writeFileSync(join(bench.root, "etc/blockvisor.json"), '{"mode":"dev","apptainer":{"host_network":true}}');
  const folder = nodeImage(bench, "e2e-host-network");
  await bench.startDaemon([]);
  bench.must("nib", ["image", "play", "--start"], { cwd: folder });
  const { isolation } = JSON.parse(bench.must("bv", ["node", "info", "--format", "json"], { cwd: folder })).node;
  const ownIds = isolation.machine_ids_because === "" ? "number" : "object";
  assert.deepEqual([isolation.host_network, isolation.seccomp, typeof isolation.user_id_base], [true, true, ownIds]);
  const outside = `bve2e${process.pid}`;
  const ip = (...args: string[]): string => execFileSync("ip", args, { encoding: "utf8" });
  ip("netns", "add", outside);
  try {
    ip("link", "add", `bx${process.pid}`, "type", "veth", "peer", "name", "eth0", "netns", outside);
    ip("addr", "add", "10.97.3.1/24", "dev", `bx${process.pid}`);
    ip("link", "set", `bx${process.pid}`, "up");
    ip("-n", outside, "addr", "add", "10.97.3.2/24", "dev", "eth0");
    ip("-n", outside, "link", "set", "eth0", "up");
    const look =
      "const [, url] = process.argv; fetch(url, { signal: AbortSignal.timeout(2000) }).then((r) => r.text()).then(console.log, () => {}).finally(() => process.exit())";
    const fromOutside = (port: number): string =>
      execFileSync("ip", ["netns", "exec", outside, process.execPath, "-e", look, `http://10.97.3.1:${port}/inits`], {
        encoding: "utf8",
      }).trim();
    assert.equal(
      await eventually(
        "an answer",
        () => fromOutside(openPort),
        (text) => text !== "",
      ),
      "init",
    );
    assert.equal(fromOutside(closedPort), "");
    assert.equal(await served("127.0.0.1", closedPort), "init\n");
  } finally {
    ip("netns", "delete", outside);
  }
});
