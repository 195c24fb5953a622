import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type CreateDevNodeRequest, JobState, type Node } from "@blockvisor/wire/blockvisor/host/v1/host";
import { type DaemonProcess, finish, makeRoot, startDaemonProcess, type TestRoot } from "./daemon-process.ts";
import { makeTestImage } from "./test-image.ts";
import { tracesOf } from "./traces.ts";
import { until } from "./until.ts";

/** A daemon of its own that looks after nodes often, an image in two versions, and what tests do with nodes of it. */
export class NodeBench {
  readonly root: TestRoot;
  /** URIs of the image's versions 1.0.0 and 2.0.0. */
  readonly first: string;
  readonly second: string;
  daemon: DaemonProcess;

  private constructor(root: TestRoot, images: readonly [first: string, second: string], daemon: DaemonProcess) {
    this.root = root;
    [this.first, this.second] = images;
    this.daemon = daemon;
  }

  static async start(): Promise<NodeBench> {
    const root = await makeRoot({
      recovery: { check_secs: 2, agent_timeout_secs: 8 },
      limits: { forced_stop_secs: 1 },
    });
    const folder = root.paths.root;
    const images = [await makeTestImage(folder, "1.0.0"), await makeTestImage(folder, "2.0.0")] as const;
    return new NodeBench(root, images, await startDaemonProcess(root));
  }

  get client(): DaemonProcess["client"] {
    return this.daemon.client;
  }

  /** After the daemon has ended. */
  async startNextDaemon(): Promise<void> {
    this.daemon = await startDaemonProcess(this.root);
  }

  async list(): Promise<readonly Node[]> {
    return (await this.client.listNodes({ local: true })).nodes;
  }

  get(node: string): Promise<Node> {
    return this.client.getNode({ node });
  }

  /** Of the first version, and running, unless the change says otherwise. */
  create(name: string, change: Partial<Omit<CreateDevNodeRequest, "$typeName">> = {}): Promise<Node> {
    return finish(
      this.client.createDevNode({
        name,
        imageKey: { protocolKey: "test", variantKey: "test-main" },
        imageVersion: "1.0.0",
        imageUri: this.first,
        vm: { memoryMb: 1000n },
        properties: { color: "green" },
        start: true,
        ...change,
      }),
    );
  }

  remove(node: string): Promise<Node> {
    return finish(this.client.deleteNode({ node }));
  }

  /** Content of a file of the node's data. */
  data(node: Node, name: string): Promise<string> {
    return readFile(join(node.directory, "data", name), "utf8");
  }

  isWebUp(node: string): Promise<void> {
    return until(async () => (await this.client.getJob({ node, job: "web" })).state === JobState.RUNNING);
  }

  isGone(id: string): Promise<void> {
    const traces = (): Promise<string[]> => tracesOf(this.root.paths, id);
    return until(async () => (await traces()).length === 0, traces);
  }

  async close(): Promise<void> {
    await Promise.all((await this.list()).map(({ id }) => this.remove(id)));
    await this.daemon.stop();
    await this.root.remove();
  }
}
