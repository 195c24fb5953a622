import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Node, NodeStatus } from "@blockvisor/wire/blockvisor/host/v1/host";
import { build } from "esbuild";
import { type DaemonProcess, finish, makeRoot, startDaemonProcess, type TestRoot } from "../testbed/daemon-process.ts";
import { makeTestImage } from "../testbed/test-image.ts";
import { tracesOf } from "../testbed/traces.ts";
import { until } from "../testbed/until.ts";

/**
 * Nodes that one version of the daemon has made run on under the next. What every release kept of a running node is in
 * `testbed/released`; a new release adds its file there and never changes another's.
 */
const released = join(import.meta.dirname, "../testbed/released");
const repository = join(import.meta.dirname, "../../../..");
const next = await mkdtemp(join(tmpdir(), "bv-next-version-"));

const agent = process.env["BV_AGENT_DIR"] ?? join(repository, "dist/agent");

let root: TestRoot;
let daemon: DaemonProcess | undefined;

before(async () => {
  root = await makeRoot();
  await build({
    entryPoints: {
      daemon: join(import.meta.dirname, "../main.ts"),
    },
    outdir: next,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
    plugins: [
      {
        name: "next-version",
        setup: ({ onLoad }) => {
          onLoad({ filter: /packages\/host\/package\.json$/ }, () => ({
            contents: '{"version":"99.0.0"}',
            loader: "json",
          }));
        },
      },
    ],
  });
});

after(async () => {
  await daemon?.stop();
  await root.remove();
  await rm(next, { recursive: true, force: true });
});

for (const release of readdirSync(released)) {
  test(`a node that ran under ${release.replace(".json", "")} runs on under 99.0.0, and can be stopped, started and deleted`, async () => {
    daemon = await startDaemonProcess(root, { BV_AGENT_DIR: agent });
    const imageUri = await makeTestImage(root.paths.root, "1.0.0");
    const imageKey = { protocolKey: "test", variantKey: "test-main" };
    const request = { name: "released", imageKey, imageVersion: "1.0.0", imageUri, vm: { memoryMb: 500n } };
    const created = await finish(daemon.client.createDevNode(request));
    const node = await finish(daemon.client.startNode({ node: created.id }));
    const starts = () => readFile(join(node.directory, "data/starts"), "utf8");
    await until(async () => (await starts()).endsWith("\n"));
    const before = await starts();
    await daemon.kill();
    becomeReleased(node, join(released, release));

    daemon = await startDaemonProcess(root, { BV_AGENT_DIR: agent }, { program: join(next, "daemon.js") });
    const found = await daemon.client.getNode({ node: node.id });
    assert.deepEqual(
      [(await daemon.client.getInfo({})).version, found.status, found.pid, found.problem],
      ["99.0.0", NodeStatus.RUNNING, node.pid, undefined],
    );
    assert.equal((await daemon.client.runFunction({ node: node.id, function: "height" })).value, "7");
    assert.equal(await starts(), before, "its job was not started again");
    await finish(daemon.client.stopNode({ node: node.id }));
    assert.equal((await finish(daemon.client.startNode({ node: node.id }))).status, NodeStatus.RUNNING);
    await finish(daemon.client.deleteNode({ node: node.id }));
    const traces = (): Promise<string[]> => tracesOf(root.paths, node.id);
    await until(async () => (await traces()).length === 0, traces);
  });
}

/** Writes what that release would have kept of the node: its file with what differs from node to node taken from what is there. */
function becomeReleased(node: Node, path: string): void {
  const { files } = JSON.parse(readFileSync(path, "utf8")) as { readonly files: Readonly<Record<string, unknown>> };
  const places = {
    id: node.id,
    run: "../../../../../run/blockvisor",
    rootfs: readdirSync(join(node.directory, "roots"))[0] ?? "",
  };
  for (const [name, template] of Object.entries(files)) {
    const file = join(
      node.directory,
      name.replace(/\{\{(id|run|rootfs)\}\}/g, (_, key: keyof typeof places) => places[key]),
    );
    writeFileSync(file, JSON.stringify(filled(template, JSON.parse(readFileSync(file, "utf8")), name)));
  }
}

/** The template with every `{{same}}` replaced by what stands at the same place of `actual`. */
function filled(template: unknown, actual: unknown, place: string): unknown {
  if (template === "{{same}}") {
    assert.notEqual(actual, undefined, `${place} is not there any more: say here where it went`);
    return actual;
  }
  if (typeof template !== "object" || template === null) return template;
  const at = (key: string | number) => (actual as Readonly<Record<string, unknown>> | undefined)?.[key];
  if (Array.isArray(template)) return template.map((item, index) => filled(item, at(index), `${place}[${index}]`));
  return Object.fromEntries(
    Object.entries(template).map(([key, value]) => [key, filled(value, at(key), `${place}.${key}`)]),
  );
}
