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
      descriptors: await openFiles(pid),
      children: (await readFile(`/proc/${pid}/task/${pid}/children`, "utf8")).trim(),
      mounts: (await readFile(`/proc/${pid}/mountinfo`, "utf8"))
        .split("\n")
        .filter((line) => line.includes(root.paths.root)),
      runFiles: (await readdir(root.paths.runDirectory, { recursive: true })).sort(),
    });
    // The first brings up what the daemon keeps: a bridge, worker threads, an image.
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

/** Files and sockets that a process has open, and whether all its descriptors, those of its worker threads included, are few. */
async function openFiles(pid: number | undefined): Promise<readonly string[]> {
  const names = await readdir(`/proc/${pid}/fd`);
  const targets = await Promise.all(names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => "")));
  // Sockets are told apart by numbers that are new for each; threads have event queues and pipes.
  const kinds = targets.map((target) => target.replace(/^socket:.*/, "socket"));
  return [
    ...kinds.filter((target) => target !== "" && !/^(anon_inode|pipe):/.test(target)).sort(),
    names.length < 100 ? "less than 100 in all" : `${names.length} in all`,
  ];
}
