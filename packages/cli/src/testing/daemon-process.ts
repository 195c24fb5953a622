import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCli } from "./cli-process.ts";

const startLimitMs = 60_000;

/** A real daemon in dev mode, with a root, a bridge and addresses of its own, until `close`, which deletes its nodes. */
export interface DaemonProcess {
  readonly root: string;
  /** Environment of programs that are to talk to it. */
  readonly env: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/** `before`: what it finds in its root. */
export async function startDaemonProcess(before: (root: string) => void = () => {}): Promise<DaemonProcess> {
  // Short: the paths of sockets below it are limited to 108 bytes.
  const root = mkdtempSync(join(tmpdir(), "bvc-"));
  const subnet = `10.${100 + (process.pid % 100)}.${Math.floor(process.pid / 100) % 250}`;
  mkdirSync(join(root, "etc"));
  const config = {
    mode: "dev",
    iface: `bvc${process.pid}`,
    net_conf: {
      gateway_ip: `${subnet}.1`,
      host_ip: `${subnet}.1`,
      prefix: 24,
      available_ips: [`${subnet}.2-${subnet}.20`],
    },
  };
  writeFileSync(join(root, "etc/blockvisor.json"), JSON.stringify(config));
  before(root);
  const env = { BV_ROOT: root };
  const main = join(import.meta.dirname, "../../../host/src/main.ts");
  const child = spawn(process.execPath, [main, "--dev"], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const close = async () => {
    try {
      if (child.exitCode === null) await runCli("bv", ["node", "delete", "--all", "--yes"], { env });
    } finally {
      await ended(child);
    }
    // The daemon leaves its bridge for the nodes that outlive it; here none does.
    spawnSync("ip", ["link", "delete", config.iface]);
    rmSync(root, { recursive: true, force: true });
  };
  try {
    await ready(child);
    return { root, env, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function ready(child: ChildProcess): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let said = "";
  const timer = setTimeout(() => reject(new Error(`blockvisord did not start:\n${said}`)), startLimitMs);
  const heard = (text: string) => {
    said = (said + text).slice(-20_000);
    if (said.includes("all nodes attached")) resolve();
  };
  child.stdout?.setEncoding("utf8").on("data", heard);
  child.stderr?.setEncoding("utf8").on("data", heard);
  child.once("exit", (code) => reject(new Error(`blockvisord ended with ${code}:\n${said}`)));
  return promise.finally(() => clearTimeout(timer));
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await exit;
}
