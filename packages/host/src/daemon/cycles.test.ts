import { readdir, readFile, readlink } from "node:fs/promises";
import { test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { finish, makeRoot, startDaemonProcess } from "../testbed/daemon-process.ts";
import { makeTestImage } from "../testbed/test-image.ts";
import { tracesOf } from "../testbed/traces.ts";
import { until } from "../testbed/until.ts";

/** Nodes that the default run makes and removes; the bar of the whole is 500 (about ten minutes). */
const cycles = Number(process.env["BV_CYCLES"] ?? 3);
const lanes = 3;

test(`${cycles} nodes that were created, started, stopped and deleted leave nothing behind`, async () => {
  const root = await makeRoot();
  const daemon = await startDaemonProcess(root);
  try {
    const imageUri = await makeTestImage(root.paths.root, "1.0.0");
    const cycle = async (name: string) => {
      const request = {
        name,
        imageKey: { protocolKey: "test", variantKey: "test-main" },
        imageVersion: "1.0.0",
        imageUri,
      };
      const node = await finish(daemon.client.createDevNode(request));
      await finish(daemon.client.startNode({ node: node.id }));
      await finish(daemon.client.stopNode({ node: node.id }));
      await finish(daemon.client.deleteNode({ node: node.id }));
      await until(
        async () => (await tracesOf(root.paths, node.id)).length === 0,
        () => tracesOf(root.paths, node.id),
      );
    };
    const { pid } = daemon.process;
    const held = async () => ({
      ...(await childrenAndFiles(pid)),
      mounts: (await readFile(`/proc/${pid}/mountinfo`, "utf8"))
        .split("\n")
        .filter((line) => line.includes(root.paths.root)),
      runFiles: (await readdir(root.paths.runDirectory, { recursive: true })).sort(),
    });
    // The first brings up what the daemon keeps: a bridge, an image.
    await cycle("warm-up");
    const before = await held();
    let count = 0;
    const lane = async () => {
      while (count < cycles) await cycle(`cycle-${(count += 1)}`);
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    const explain = async () => ({ before, after: await held() });
    await until(async () => isDeepStrictEqual(await held(), before), explain);
  } finally {
    await daemon.stop();
    await root.remove();
  }
});

/** Child processes, and files and sockets that a process has open, but for plugin workers: how many there are depends on how much there is to do. */
async function childrenAndFiles(pid: number | undefined) {
  const all = (await readFile(`/proc/${pid}/task/${pid}/children`, "utf8")).trim().split(" ");
  const commands = await Promise.all(all.map((child) => readFile(`/proc/${child}/cmdline`, "latin1").catch(() => "")));
  const isWorker = (index: number): boolean => commands[index]?.includes("/worker.blob") ?? false;
  const workers = all.filter((_, index) => isWorker(index));
  const names = await readdir(`/proc/${pid}/fd`);
  const targets = await Promise.all(names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => "")));
  const files = targets.filter((target) => target !== "" && !/^(anon_inode|pipe|socket):/.test(target));
  // A worker has three: what it hears, says and complains.
  const sockets = targets.filter((target) => target.startsWith("socket:")).length - 3 * workers.length;
  return {
    children: all.filter((_, index) => !isWorker(index)),
    files: files.sort(),
    sockets,
    // Threads have event queues and pipes.
    descriptors: names.length < 100 ? "less than 100 in all" : `${names.length} in all`,
  };
}
