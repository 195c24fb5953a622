import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import type { JobConfig } from "../../jobs/config.ts";
import { pathsBelow } from "../../paths.ts";
import { currentBoot } from "../../process/identity.ts";
import { ProtocolData } from "../../protocol-data/state.ts";
import type { ArchiveResult, ArchiveTask } from "../task.ts";
import { runUploadJob } from "../upload/upload-job.ts";
import { ArchiveEngine, type PublishedVersion } from "./archive-engine.ts";
import { FaultyStore } from "./faulty-store.ts";

/** Times that make faults pass quickly. */
const QUICK = {
  retry: { baseMs: 5, capMs: 50, patienceMs: 20_000, corruptRetries: 3 },
  stall: { windowMs: 300, bytesPerSecond: 1024 },
  firstWaitMs: 10,
  diskWaitMs: 50,
} as const;

type Upload = Extract<JobConfig["job_type"], { upload: unknown }>["upload"];

/** A node's folders, with its engine's socket and a store behind it. */
export class UploadFixture {
  readonly root: string;
  readonly store: FaultyStore;
  readonly engine: ArchiveEngine;
  readonly log: string[] = [];
  config: JobConfig = { job_type: { upload: { compression: { ZSTD: 3 } } }, restart: "never" };

  private constructor(root: string, store: FaultyStore, engine: ArchiveEngine) {
    this.root = root;
    this.store = store;
    this.engine = engine;
  }

  static async make(t: TestContext, options: { readonly reference?: boolean } = {}): Promise<UploadFixture> {
    const root = await mkdtemp(join(tmpdir(), "babel-upload-"));
    const paths = pathsBelow(root);
    for (const folder of [
      dirname(paths.conf),
      paths.runtime,
      join(paths.jobs, "upload"),
      join(root, "blockjoy/protocol_data"),
    ]) {
      await mkdir(folder, { recursive: true });
    }
    const store = await FaultyStore.start();
    const engine = await ArchiveEngine.start(store, paths.engineSocket, options);
    t.after(async () => {
      await Promise.all([store.close(), engine.close()]);
      await rm(root, { recursive: true, force: true });
    });
    return new UploadFixture(root, store, engine);
  }

  get data(): string {
    return join(this.root, "blockjoy/protocol_data");
  }
  get state(): string {
    return join(this.root, "blockjoy/.babel_jobs/upload");
  }
  get protocolData(): ProtocolData {
    return new ProtocolData(join(this.root, "blockjoy"));
  }
  get task(): Pick<ArchiveTask, "name" | "config" | "folder" | "protocolData" | "engineSocket" | "conf"> {
    const paths = pathsBelow(this.root);
    return {
      name: "upload",
      config: this.config,
      folder: join(paths.jobs, "upload"),
      protocolData: this.protocolData,
      engineSocket: paths.engineSocket,
      conf: this.#conf(""),
    };
  }

  configure(upload: Upload): void {
    this.config = { job_type: { upload: { compression: { ZSTD: 3 }, ...upload } }, restart: "never" };
  }

  async write(files: Readonly<Record<string, Uint8Array | string>>): Promise<void> {
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(this.data, path)), { recursive: true });
      await writeFile(join(this.data, path), content);
    }
  }

  /** One attempt in this process. */
  run(signal: AbortSignal = new AbortController().signal): Promise<ArchiveResult> {
    return runUploadJob({ ...this.task, signal, log: (line) => void this.log.push(line) }, QUICK);
  }

  /** One attempt as babel starts it. `ended` says how it ended. */
  async spawn() {
    const paths = pathsBelow(this.root);
    await writeFile(join(paths.jobs, "upload/config.json"), JSON.stringify(this.config));
    await writeFile(paths.conf, JSON.stringify(this.#conf(await currentBoot())));
    const main = fileURLToPath(new URL("../../main.ts", import.meta.url));
    const child = spawn(process.execPath, [main, "archive", "upload"], {
      env: { ...process.env, BABEL_ROOT: this.root },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (piece) => (output += piece));
    const ended = once(child, "exit").then(([code, signal]) => ({ code, signal, output }));
    return { child, ended };
  }

  #conf(boot: string): ArchiveTask["conf"] {
    const names = { node_id: "", node_name: "", node_org_id: "", node_version: "", node_variant: "" };
    const host = { bv_host_id: "", bv_host_name: "", bv_api_url: "", node_ip: "", node_ipv6: "", node_gateway: "" };
    const places = { data_mount_point: "/blockjoy", protocol_data_path: "/blockjoy/protocol_data" };
    const node_env = { ...names, ...host, ...places, node_protocol: "test", dev_mode: false, properties: {} };
    return { node_env, secret: "secret", boot_id: boot, ramdisks: [] };
  }

  /** Content of all files of a published version, decoded by the `zstd` of the system, as any reader would. */
  async decoded({ header, chunks }: PublishedVersion = this.engine.newest!): Promise<ReadonlyMap<string, Buffer>> {
    const stored = chunks.map(({ key, size, checksum, codec }) => {
      const bytes = size === 0 ? Buffer.alloc(0) : Buffer.from(this.store.objects.get(key)!);
      const sum = createHash("sha256").update(bytes).digest("hex");
      if (bytes.length !== size || sum !== checksum.hex) throw new Error(`${key} is not what the manifest says`);
      return { bytes, raw: size === 0 || (codec ?? header.compression.codec) === "none" };
    });
    // Frames one after the other are decoded to their contents one after the other.
    const input = Buffer.concat(stored.filter(({ raw }) => !raw).map(({ bytes }) => bytes));
    const output = input.length === 0 ? input : execFileSync("zstd", ["-dcq"], { input, maxBuffer: 1 << 30 });
    let decoded = 0;
    const files = new Map<string, [position: number, bytes: Buffer][]>();
    for (const [i, { destinations }] of chunks.entries()) {
      const { raw, bytes } = stored[i]!;
      const length = destinations.reduce((sum, { size }) => sum + size, 0);
      const content = raw ? bytes : output.subarray(decoded, (decoded += length));
      if (content.length !== length) throw new Error(`chunk ${i} has ${content.length} bytes instead of ${length}`);
      let at = 0;
      for (const { path, pos, size } of destinations) {
        const ranges = files.get(path) ?? [];
        ranges.push([pos, content.subarray(at, at + size)]);
        files.set(path, ranges);
        at += size;
      }
    }
    if (decoded !== output.length) throw new Error(`${output.length - decoded} bytes too many`);
    return new Map(
      [...files]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([path, ranges]) => [path, Buffer.concat(ranges.sort(([a], [b]) => a - b).map(([, bytes]) => bytes))]),
    );
  }

  /** Decoded lines of `manifest-files.json`. */
  async filesEntries(version: number): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const text = execFileSync("zstd", ["-dcq"], {
      input: this.store.objects.get(this.engine.filesKey(version))!,
      encoding: "utf8",
    });
    return text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
  }

  async progress(): Promise<Readonly<Record<string, unknown>>> {
    return JSON.parse(await readFile(join(this.task.folder, "progress.json"), "utf8"));
  }
}
