/** What operators wait for: a node from a cached image, and a node that starts; against unpacking the image and against a bare container. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Workbench } from "../e2e/workbench.ts";
import { clientOf } from "../packages/host/src/testbed/daemon-process.ts";
import { dockerDaemon } from "../tooling/docker-daemon.ts";
import { buildAnvilImage } from "./anvil-image.ts";
import { startNode } from "./babel-ready.ts";
import { compare, program, report } from "./compare.ts";

const rounds = 5;
/** Starts take little, and vary with whatever else the machine does. */
const startRounds = 15;
const docker = await dockerDaemon();
if (docker.host) process.env["DOCKER_HOST"] = docker.host;
try {
  await using bench = new Workbench("bench-nodes");
  const image = await buildAnvilImage(bench);
  await bench.startDaemon();

  const play = () => bench.must("nib", ["image", "play", "--variant", "anvil-local-full"], { cwd: image });
  const nodeId = (text: string) => /`([^`]+)`/.exec(text)?.[1] ?? "";
  const first = nodeId(play());
  let created = "";
  const createNode = {
    name: "node create, cached image (nib image play)",
    run: () => {
      created = nodeId(play());
    },
    after: () => bench.must("bv", ["node", "delete", "--yes", created]),
  };

  const store = join(bench.root, "var/lib/blockvisor/images");
  const layout = join(store, "layout", readdirSync(join(store, "layout"))[0] ?? "");
  const unpacked = join(bench.directory, "unpacked");
  const clean = () => rmSync(unpacked, { recursive: true, force: true });
  const umoci = {
    name: "umoci raw unpack of the image",
    run: () => program("umoci", ["raw", "unpack", "--image", `${layout}:image`, unpacked]),
    after: clean,
  };
  // The store has it in layers.
  const rootfs = join(bench.directory, "rootfs");
  program("umoci", ["raw", "unpack", "--image", `${layout}:image`, rootfs]);
  const copy = {
    name: "cp -a of the unpacked image",
    run: () => program("cp", ["-a", rootfs, unpacked]),
    after: clean,
  };

  const daemon = clientOf(join(bench.root, "run/blockvisor/blockvisord.sock"));
  const stopNode = () => bench.must("bv", ["node", "stop", first]);
  let finishing: Promise<void> | undefined;
  const startInDaemon = {
    name: "start to babel ready (in the daemon)",
    run: async () => {
      const { ready, whole } = startNode(daemon, first);
      finishing = whole;
      await ready;
    },
    after: async () => {
      await finishing;
      stopNode();
    },
  };
  const startByUser = {
    name: "the same for a user (bv node start)",
    run: () => bench.must("bv", ["node", "start", first]),
    after: stopNode,
  };
  const bundle = join(bench.directory, "bundle");
  mkdirSync(bundle);
  program("runc", ["spec", "--bundle", bundle]);
  const specification = JSON.parse(program("cat", [join(bundle, "config.json")]));
  specification.root.path = rootfs;
  specification.process.args = ["/bin/true"];
  specification.process.terminal = false;
  delete specification.process.rlimits;
  writeFileSync(join(bundle, "config.json"), JSON.stringify(specification));
  let containers = 0;
  const runc = {
    name: "runc run of the same root",
    run: () => program("runc", ["run", "--bundle", bundle, `bv-bench-${process.pid}-${containers++}`]),
  };

  // The first start runs init, which is not what is measured.
  bench.must("bv", ["node", "start", first]);
  bench.must("bv", ["node", "stop", first]);
  report("nodes", [
    await compare(createNode, umoci, rounds),
    await compare(createNode, copy, rounds),
    await compare(startInDaemon, runc, startRounds),
    await compare(startByUser, runc, startRounds),
  ]);
} finally {
  await docker.stop();
}
