/** What Apptainer would do by itself, against nodes on Apptainer: its sandbox and its instance of the same image. */
import { spawnSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Workbench } from "../e2e/workbench.ts";
import { clientOf, finish } from "../packages/host/src/testbed/daemon-process.ts";
import { environment, output } from "../tooling/command.ts";
import { provideDebianImage } from "../tooling/debian-image.ts";
import { dockerDaemon } from "../tooling/docker-daemon.ts";
import { enterTestHost } from "../tooling/test-host.ts";
import { buildAnvilImage } from "./anvil-image.ts";
import { startNode } from "./babel-ready.ts";
import { compare, program, report, repository } from "./compare.ts";

const rounds = 5;
if (output("apptainer", ["--version"])) await measure();
else await measureInTestHost();

/** This file again, where Apptainer is. */
async function measureInTestHost(): Promise<void> {
  const docker = await dockerDaemon();
  const host = docker.host ?? "unix:///var/run/docker.sock";
  const place = await enterTestHost([repository, host.replace(/^unix:\/\//, "")]);
  try {
    await provideDebianImage(docker.host);
    console.log(`This machine has no Apptainer; measured on ${place.name}, which has.`);
    const [file = "", ...args] = place.enter(repository, [process.execPath, "bench/apptainer.ts"]);
    const { status } = spawnSync(file, args, { stdio: "inherit", env: { ...environment, DOCKER_HOST: host } });
    process.exitCode = status ?? 1;
  } finally {
    await place.leave();
    await docker.stop();
  }
}

async function measure(): Promise<void> {
  process.env["BV_RUNTIME"] = "apptainer";
  await using bench = new Workbench("bench-apptainer");
  const image = await buildAnvilImage(bench);
  await bench.startDaemon();

  const daemon = clientOf(join(bench.root, "run/blockvisor/blockvisord.sock"));
  const play = bench.must("nib", ["image", "play", "--variant", "anvil-local-full"], { cwd: image });
  const first = /`([^`]+)`/.exec(play)?.[1] ?? "";
  const { imageKey, image: origin, vm, properties } = await daemon.getNode({ node: first });
  const request = { imageVersion: origin?.version ?? "", imageUri: origin?.uri ?? "", properties };
  const known = { ...(imageKey ? { imageKey } : {}), ...(vm ? { vm } : {}) };
  let created = "";
  const createNode = {
    name: "node create, cached image",
    run: async () => {
      created = (await finish(daemon.createDevNode({ ...request, ...known }))).id;
    },
    after: () => bench.must("bv", ["node", "delete", "--yes", created]),
  };

  // Apptainer keeps no unpacked image; it is spared the way out of the Docker daemon, which it has no cache for.
  const layouts = join(bench.root, "var/lib/blockvisor/images/layout");
  const source = `oci:${join(layouts, readdirSync(layouts)[0] ?? "")}`;
  const sandbox = join(bench.directory, "sandbox");
  const apptainer = (...args: readonly string[]) =>
    program("apptainer", ["--silent", ...args], {
      ...process.env,
      APPTAINER_CONFIGDIR: join(bench.directory, "apptainer"),
    });
  const buildSandbox = {
    name: "apptainer build --sandbox",
    before: () => rmSync(sandbox, { recursive: true, force: true }),
    run: () => apptainer("build", "--sandbox", sandbox, source),
  };

  let starting: Promise<void> | undefined;
  const startByDaemon = {
    name: "start to babel ready",
    run: async () => {
      const { ready, whole } = startNode(daemon, first);
      starting = whole;
      await ready;
    },
    after: async () => {
      await starting;
      bench.must("bv", ["node", "stop", first]);
    },
  };
  const instance = `bv-bench-${process.pid}`;
  const startInstance = {
    name: "apptainer instance start",
    run: () =>
      apptainer("instance", "start", "--containall", "--writable", "--no-mount", "home,cwd,tmp", sandbox, instance),
    after: () => apptainer("instance", "stop", instance),
  };

  // The first start runs init, which is not what is measured.
  bench.must("bv", ["node", "start", first]);
  bench.must("bv", ["node", "stop", first]);
  report("apptainer", [
    await compare(createNode, buildSandbox, rounds),
    await compare(startByDaemon, startInstance, rounds),
  ]);
}
