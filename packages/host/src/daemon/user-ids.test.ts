import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { chmod, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { CreateDevNodeRequestSchema, type Node } from "@blockvisor/wire/blockvisor/host/v1/host";
import { create } from "@bufbuild/protobuf";
import { createNodeCgroups } from "../cgroups/index.ts";
import {
  type DaemonProcess,
  finish,
  makeRoot,
  pluginPath,
  startDaemonProcess,
  type TestRoot,
} from "../testbed/daemon-process.ts";
import { makeOciImage } from "../testbed/oci-image.ts";
import { tracesOf } from "../testbed/traces.ts";
import { until } from "../testbed/until.ts";

const rangeSize = 65_536;
const runtime = process.env["BV_RUNTIME"] ?? "oci";

const plugin = `
fn plugin_config() {
    #{
        init: #{ commands: ["mkdir -p -m 777 /blockjoy/shared; /bin/busybox chmod 755 /"], jobs: [] },
        services: [
            #{ name: "worker", run_as: "worker", run_sh: "id -u > /blockjoy/shared/whoami; exec sleep 1000000", use_protocol_data: false, archive: false },
        ],
    }
}

fn sh(command) {
    let ended = run_sh(command);
    \`\${ended.exit_code}: \${ended.stdout}\`
}
`;

const root: TestRoot = await makeRoot();
let daemon: DaemonProcess;
let nodes: readonly Node[] = [];
let privilegedImage = "";

async function start(): Promise<void> {
  const files = {
    [pluginPath]: plugin,
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nworker:x:1000:1000:worker:/tmp:/bin/sh\n",
  };
  const image = await makeOciImage(`${root.paths.root}/image`, files);
  privilegedImage = await makeOciImage(`${root.paths.root}/privileged`, files, "1", {
    "io.blockvisor.privileged": "true",
  });
  // As a disk that is mounted there has its root.
  await mkdir(root.paths.nodes, { recursive: true });
  for (const open of [root.paths.root, root.paths.nodes]) await chmod(open, 0o755);
  daemon = await startDaemonProcess(root, { BV_RUNTIME: runtime });
  for (const name of ["one", "two"]) {
    await makeNode(name, image);
    await finish(daemon.client.startNode({ node: name }));
  }
}

async function makeNode(name: string, imageUri: string): Promise<void> {
  const request = create(CreateDevNodeRequestSchema, {
    name,
    imageKey: { protocolKey: "test", variantKey: "test-main" },
    imageVersion: "1.0.0",
    imageUri,
    vm: { cpuCores: 1, memoryMb: 1000n, diskGb: 1n },
  });
  nodes = [...nodes, await finish(daemon.client.createDevNode(request))];
}

after(async () => {
  for (const { id } of nodes) await finish(daemon.client.deleteNode({ node: id }));
  await daemon.stop();
  await root.remove();
});

const nodeOf = (name: string): Node => nodes.find((node) => node.name === name) ?? assert.fail(`there is no ${name}`);

/** What a shell command in the node printed, after its exit code. */
const inside = async (name: string, command: string): Promise<string> =>
  (await daemon.client.runFunction({ node: name, function: "sh", param: command })).value.trim();

/** Real user ids of all processes of a node, as the machine sees them. */
async function userIds(name: string): Promise<readonly number[]> {
  const processes = await createNodeCgroups().processes(nodeOf(name).id);
  return processes.flatMap((pid) => {
    try {
      return Number(/^Uid:\t(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
    } catch {
      return []; // It ended.
    }
  });
}

const rangeOf = async (name: string): Promise<readonly number[]> => [
  ...new Set((await userIds(name)).map((id) => Math.floor(id / rangeSize))),
];

const ownerOf = async (path: string): Promise<string> => {
  const { uid, gid } = await stat(path);
  return `${uid}:${gid}`;
};

const rootfsOf = async (name: string): Promise<string> =>
  (await readdir(join(nodeOf(name).directory, "roots")))[0] ?? "";

/** What `bv status` says. */
const told = async (condition = "user-ids"): Promise<string | undefined> =>
  (await daemon.client.getInfo({})).conditions.find(({ name }) => name === condition)?.message;

async function restartWith(config: object): Promise<void> {
  await daemon.stop();
  const written = JSON.parse(await readFile(root.paths.config, "utf8"));
  await writeFile(root.paths.config, JSON.stringify({ ...written, ...config }));
  daemon = await startDaemonProcess(root, { BV_RUNTIME: runtime });
  await finish(daemon.client.restartNode({ node: "one" }));
}

await start();
const words = (await told()) ?? "";
// An old kernel, or a container without the right: then all of this is about nothing, and the daemon says so.
const skip = words.startsWith("all nodes have the machine's") && `NOT TESTED here: ${words}`;

describe("a node's user ids", { skip }, () => {
  test("are its own: root in it is nobody on the machine, and in no other node", async () => {
    const [one, two] = [await rangeOf("one"), await rangeOf("two")];
    assert.deepEqual([one.length, two.length], [1, 1]);
    assert.notDeepEqual(one, two);
    assert.ok([...one, ...two].every((range) => range * rangeSize >= 0x7000_0000));
    const map = await inside("one", "id -u; cat /proc/self/uid_map /proc/self/gid_map");
    const line = `0 ${Number(one[0]) * rangeSize} ${rangeSize}`;
    assert.deepEqual(
      map.split("\n").map((words) => words.trim().replace(/ +/g, " ")),
      ["0: 0", line, line],
    );
  });

  test("are no way to root of the machine: nobody gets to what it makes set-uid", async () => {
    const make = "/bin/busybox cp /bin/busybox $f; /bin/busybox chmod 4755 $f";
    assert.equal(await inside("one", `for f in /blockjoy/suid /suid; do ${make}; done`), "0:");
    const { directory } = nodeOf("one");
    for (const file of [join(directory, "data/suid"), join(directory, "rootfs/suid")]) {
      assert.equal((await stat(file)).mode & 0o7777, 0o4755);
      const { error } = spawnSync(file, ["id"], { argv0: "busybox", uid: 65_534, gid: 65_534 });
      assert.equal((error as NodeJS.ErrnoException | undefined)?.code, "EACCES", file);
    }
    assert.equal((await stat(root.paths.nodes)).mode & 0o7777, 0o700);
  });

  test("stay its own when an image wants more: the host has to allow that", async () => {
    await assert.rejects(
      makeNode("mighty", privilegedImage),
      /wants a privileged container, which this host does not allow: oci:/,
    );
    assert.equal((await daemon.client.listNodes({ local: true })).nodes.length, 2);
    const { isolation } = await daemon.client.getNode({ node: "one" });
    const { capabilities = [], userIdBase, $typeName: _, ...standing } = isolation ?? {};
    assert.ok(
      capabilities.length > 5 && !capabilities.includes("CAP_SYS_ADMIN") && !capabilities.includes("CAP_NET_ADMIN"),
    );
    assert.equal(Number(userIdBase), Number((await rangeOf("one"))[0]) * rangeSize);
    const held = { privileged: false, machineIdsBecause: "", seccomp: true, noNewPrivileges: true, hostNetwork: false };
    assert.deepEqual(standing, { runtime, ...held });
  });

  test("are those of its image and its data, which lie on disk as they are in it", async () => {
    const { directory } = nodeOf("one");
    const owners =
      "/bin/busybox stat -c %u:%g /etc/passwd /blockjoy /var/lib/babel/run/engine.sock /usr/lib/blockvisor";
    assert.equal(await inside("one", owners), "0: 0:0\n0:0\n0:0\n0:0");
    assert.equal(await inside("one", "touch /blockjoy/file /etc/file; chown 1000:1001 /blockjoy/file /etc/file"), "0:");
    const base = Number((await rangeOf("one"))[0]) * rangeSize;
    const upper = join(directory, "roots", await rootfsOf("one"), "upper");
    assert.deepEqual(
      await Promise.all(["data", "data/file", "rootfs/etc/file"].map((path) => ownerOf(join(directory, path)))),
      ["0:0", "1000:1001", `${base + 1000}:${base + 1001}`],
    );
    assert.equal(await ownerOf(join(upper, "etc/file")), "1000:1001");
    assert.equal(await ownerOf(join(nodeOf("two").directory, "data")), "0:0");
  });

  test("hold for a job of another user", async () => {
    await until(async () => (await inside("one", "cat /blockjoy/shared/whoami")) === "0: 1000");
  });

  test("give nothing on the machine: no devices, no set-uid programs, no cgroup but its own, which it cannot change", async () => {
    assert.match(await inside("one", "/bin/busybox mknod /blockjoy/null c 1 3 2>/dev/null"), /^1:/);
    const table = await readFile("/proc/self/mountinfo", "utf8");
    const line = table.split("\n").find((words) => words.includes(`${nodeOf("one").id}/rootfs `));
    assert.match(line ?? "", / rw,nosuid,nodev,/);
    const limit = "$(ls -d /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max 2>/dev/null)";
    // Apptainer shows a node none at all.
    assert.equal(await inside("one", `cat ${limit}`), runtime === "oci" ? "0: 16384" : "0:");
    assert.match(await inside("one", `echo max > ${limit}`), /^1:/);
    assert.match(await inside("one", "mount -t tmpfs none /tmp 2>/dev/null"), /^1:/);
  });

  test("leave it its network: low ports, and no interfaces but its own in /sys", async () => {
    assert.equal(await inside("one", "ls /sys/class/net"), "0: eth0\nlo");
    assert.equal(
      await inside("one", "/bin/busybox httpd -p 80 -h /etc && /bin/busybox wget -qO- http://127.0.0.1/passwd | wc -l"),
      "0: 2",
    );
  });

  test("do not keep an engineer from putting files into it, and a shell is root there", async () => {
    const { directory } = nodeOf("one");
    await writeFile(join(directory, "rootfs/var/lib/babel/plugin/more.rhai"), "fn more() { 1 }\n");
    assert.equal(await inside("one", "cat /var/lib/babel/plugin/more.rhai"), "0: fn more() { 1 }");
    const script = new TextEncoder().encode("id -u; cat /proc/self/uid_map; echo aside >/dev/stderr; exit 7\n");
    async function* requests() {
      yield { message: { case: "start", value: { node: "one" } } } as const;
      yield { message: { case: "input", value: script } } as const;
    }
    const said = { output: "", errors: "" };
    const others: (readonly [string | undefined, unknown])[] = [];
    for await (const { message } of daemon.client.openShell(requests())) {
      if (message.case === "output" || message.case === "errors") said[message.case] += Buffer.from(message.value);
      else others.push([message.case, message.value]);
    }
    assert.match(said.output, /^0\n +0 +[1-9]\d+ +65536\n$/);
    assert.equal(said.errors, "aside\n");
    assert.deepEqual(
      others.map(([kind, value]) => (kind === "exitStatus" ? value : kind)),
      ["started", 7],
    );
  });

  test("come and go with the configuration; what lies on disk stays as it is", async () => {
    for (const [mode, ranges, words] of [
      ["off", [0], "all nodes have the machine's: user_namespaces is off in blockvisor.json"],
      ["auto", undefined, "each node has its own"],
    ] as const) {
      await restartWith({
        containers: { user_namespaces: mode },
        privileged_images: [`oci:${root.paths.root}/privileged`],
      });
      await until(async () => (await told()) === words, told);
      const found = await rangeOf("one");
      if (ranges) assert.deepEqual(found, ranges);
      else assert.ok(found.length === 1 && Number(found[0]) > 0);
      assert.equal(
        await inside("one", "/bin/busybox stat -c %u:%g /etc/file /blockjoy/file /blockjoy"),
        "0: 1000:1001\n1000:1001\n0:0",
      );
      await until(async () => (await inside("one", "cat /blockjoy/shared/whoami")) === "0: 1000");
    }
  });

  test("are not those of an image that the host's configuration allows to be privileged, which everybody can see", async () => {
    await makeNode("mighty", privilegedImage);
    assert.equal(
      await told("privileged"),
      "root of the machine, as privileged_images in blockvisor.json allows: mighty",
    );
    const { isolation, image } = await finish(daemon.client.startNode({ node: "mighty" })).then(({ id }) =>
      daemon.client.getNode({ node: id }),
    );
    assert.equal(image?.privileged, true);
    const { capabilities = [], $typeName: _, ...standing } = isolation ?? {};
    assert.ok(capabilities.includes("CAP_SYS_ADMIN"));
    const noNewPrivileges = runtime === "apptainer";
    const expected = { runtime, privileged: true, machineIdsBecause: "its image is privileged", noNewPrivileges };
    assert.deepEqual(standing, { ...expected, seccomp: false, hostNetwork: false });
    assert.match(await inside("mighty", "mount -t tmpfs none /tmp && id -u"), /^0: 0$/);
  });

  test("leave nothing behind", async () => {
    const ids = nodes.map(({ id }) => id);
    for (const id of ids) await finish(daemon.client.deleteNode({ node: id }));
    nodes = [];
    const traces = (): Promise<string[]> => tracesOf(root.paths, ...ids);
    await until(async () => (await traces()).length === 0, traces);
  });
});
