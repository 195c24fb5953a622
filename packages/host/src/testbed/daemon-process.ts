import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { HostService, type Node, type OperationEvent, ServiceStatus } from "@blockvisor/wire/blockvisor/host/v1/host";
import { type Client, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { type HostPaths, hostPaths } from "../place/paths.ts";

const main = fileURLToPath(new URL("../main.ts", import.meta.url));

/** A short root of its own, as socket paths are limited, with a bridge of its own. */
export interface TestRoot {
  readonly paths: HostPaths;
  readonly bridge: string;
  remove(): Promise<void>;
}

let roots = 0;

export async function makeRoot(config: Readonly<Record<string, unknown>> = {}): Promise<TestRoot> {
  const root = await mkdtemp("/tmp/bv");
  const paths = hostPaths(root);
  roots += 1;
  const bridge = `bvt${process.pid.toString(36)}${roots}`;
  // One /24 per process and root, so that tests of several engineers do not meet.
  const subnet = `10.${128 + (process.pid % 64)}.${(Math.floor(process.pid / 64) * 4 + roots) % 256}`;
  await mkdir(dirname(paths.config), { recursive: true });
  await writeFile(
    paths.config,
    JSON.stringify({
      mode: "dev",
      upgrade_watch_secs: 0.2,
      id: "test-host",
      name: "test-host-name",
      iface: bridge,
      net_conf: {
        gateway_ip: `${subnet}.1`,
        host_ip: `${subnet}.1`,
        prefix: 24,
        available_ips: [`${subnet}.2-${subnet}.200`],
      },
      ...config,
    }),
  );
  return {
    paths,
    bridge,
    remove: async () => {
      await run("ip", ["link", "delete", bridge]);
      // Left by a daemon that was killed while it had nodes.
      await run("nft", ["delete", "table", "ip", `bv_nat_${Buffer.from(bridge).toString("hex")}`]);
      await rm(root, { recursive: true, force: true });
    },
  };
}

export interface DaemonProcess {
  readonly client: Client<typeof HostService>;
  readonly process: ChildProcess;
  /** Everything it has logged so far. */
  log(): string;
  /** Resolves with the exit code or signal. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
  /** SIGTERM, and the end. */
  stop(): Promise<void>;
  kill(): Promise<void>;
}

/** Starts blockvisord as a process of its own and waits until all nodes are attached (not with a failpoint, which may end it before). */
export async function startDaemonProcess(
  { paths }: TestRoot,
  env: Readonly<Record<string, string>> = {},
  options: { readonly wait?: boolean; readonly program?: string } = {},
): Promise<DaemonProcess> {
  const child = spawn(process.execPath, [options.program ?? main], {
    env: {
      PATH: process.env["PATH"],
      BV_ROOT: paths.root,
      BV_LOG: "debug",
      NODE_COMPILE_CACHE: join(tmpdir(), "blockvisor-compile-cache"),
      BV_AGENT_DIR: process.env["BV_AGENT_DIR"],
      BV_RUNTIME: process.env["BV_RUNTIME"],
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  child.stdout.on("data", (data: Buffer) => (text += data.toString()));
  child.stderr.on("data", (data: Buffer) => (text += data.toString()));
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.once("exit", (code, signal) => resolve(code ?? signal));
  });
  const client = clientOf(paths.socket);
  const daemon: DaemonProcess = {
    client,
    process: child,
    log: () => text,
    ended,
    stop: async () => {
      child.kill("SIGTERM");
      await ended;
    },
    kill: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
  if (options.wait ?? true) await ready(daemon);
  return daemon;
}

/** Until the daemon serves and has attached its nodes. */
async function ready(daemon: DaemonProcess): Promise<void> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    try {
      for await (const { status } of daemon.client.watchStatus({})) if (status === ServiceStatus.OK) return;
    } catch (error) {
      const { exitCode, signalCode } = daemon.process;
      if (exitCode !== null || signalCode !== null || Date.now() > deadline) {
        throw new Error(`blockvisord did not start: ${(error as Error).message}\n${daemon.log()}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** Speaks to the daemon that listens at `socket`. */
export function clientOf(socket: string): Client<typeof HostService> {
  return createClient(
    HostService,
    createConnectTransport({
      httpVersion: "2",
      baseUrl: "http://blockvisord",
      nodeOptions: { createConnection: () => connect(socket) },
    }),
  );
}

/** The node at the end of an operation. */
export async function finish(events: AsyncIterable<OperationEvent>): Promise<Node> {
  for await (const { event } of events) if (event.case === "done") return event.value;
  throw new Error("the operation ended without its node");
}

/** Names of the steps that were done. */
export async function stepsOf(events: AsyncIterable<OperationEvent>): Promise<string[]> {
  const steps: string[] = [];
  for await (const { event } of events) if (event.case === "step" && event.value.finished) steps.push(event.value.step);
  return steps;
}

function run(file: string, args: readonly string[]): Promise<number | null> {
  return new Promise((resolve) => {
    spawn(file, args, { stdio: "ignore" })
      .once("exit", resolve)
      .once("error", () => resolve(null));
  });
}

export const pluginPath = "var/lib/babel/plugin/main.rhai";
