/** What operators wait for: a node from a cached image, and a node that starts; against unpacking the image and against a bare container. */
import { copyFileSync, cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { dockerBuild, Workbench } from "../e2e/workbench.ts";
import { provideDebianImage } from "../tooling/debian-image.ts";
import { dockerDaemon } from "../tooling/docker-daemon.ts";
import { compare, program, report, repository } from "./compare.ts";

const rounds = 5;
const docker = await dockerDaemon();
if (docker.host) process.env["DOCKER_HOST"] = docker.host;
try {
  await provideDebianImage(docker.host);
  await using bench = new Workbench("bench-nodes");
  const image = bench.example("ethereum-anvil");
  copyFileSync(join(repository, "node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil"), join(image, "anvil"));
  dockerBuild(bench.example("base"), "blockvisor-example-base");
  dockerBuild(image, "ethereum-anvil");
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
  const rootfs = join(store, "rootfs", readdirSync(join(store, "rootfs"))[0] ?? "");
  const copy = {
    name: "cp -a of the unpacked image",
    run: () => program("cp", ["-a", rootfs, unpacked]),
    after: clean,
  };

  const startNode = {
    name: "start to babel ready (bv node start)",
    run: () => bench.must("bv", ["node", "start", first]),
    after: () => bench.must("bv", ["node", "stop", first]),
  };
  const bundle = join(bench.directory, "bundle");
  mkdirSync(join(bundle, "rootfs/bin"), { recursive: true });
  cpSync("/bin/busybox", join(bundle, "rootfs/bin/busybox"));
  program("sh", ["-c", 'cd "$1" && runc spec', "sh", bundle]);
  const specification = JSON.parse(program("cat", [join(bundle, "config.json")]));
  specification.process.args = ["/bin/busybox", "true"];
  specification.process.terminal = false;
  delete specification.process.rlimits;
  writeFileSync(join(bundle, "config.json"), JSON.stringify(specification));
  let containers = 0;
  const runc = {
    name: "runc run of a bare busybox",
    run: () => program("runc", ["run", "--bundle", bundle, `bv-bench-${process.pid}-${containers++}`]),
  };

  // The first start runs init, which is not what is measured.
  bench.must("bv", ["node", "start", first]);
  bench.must("bv", ["node", "stop", first]);
  report("nodes", [
    await compare(createNode, umoci, rounds),
    await compare(createNode, copy, rounds),
    await compare(startNode, runc, rounds),
  ]);
} finally {
  await docker.stop();
}
