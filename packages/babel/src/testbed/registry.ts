import { mkdir, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Registry } from "../jobs/registry.ts";
import { pathsBelow } from "../paths.ts";
import { currentBoot } from "../process/identity.ts";
import { ProtocolData } from "../protocol-data/state.ts";

const SHIM = join(import.meta.dirname, "../jobs/shim.sh");

type Options = {
  /** The same again is what a new babel finds. */
  readonly root?: string;
  /** Another one than the machine's. */
  readonly busybox?: string;
  /** What archive jobs run. */
  readonly archiveCommand?: readonly string[];
  /** Default: a minute. */
  readonly neededRetryMs?: number;
};

/** The jobs of a node without the agent around them. */
export async function openRegistry(options: Options = {}) {
  const folder = options.root ?? (await mkdtemp(join(tmpdir(), "babel-registry-")));
  const paths = pathsBelow(folder);
  await mkdir(paths.jobs, { recursive: true });
  const reports: string[] = [];
  const protocolData = new ProtocolData(join(folder, "blockjoy"));
  const registry = new Registry({
    paths,
    toolbox: { busybox: options.busybox ?? "/bin/busybox", shim: SHIM, shell: "/bin/sh" },
    boot: await currentBoot(),
    protocolData,
    environment: () => ({ PATH: process.env["PATH"] ?? "" }),
    archiveCommand: options.archiveCommand ?? ["false"],
    report: (message) => reports.push(message),
    isReady: async () => false,
    logLimits: () => ({ bytes: 2_000_000_000, segments: 8 }),
    random: Math.random,
    neededRetryMs: options.neededRetryMs ?? 60_000,
  });
  await registry.open();
  return { registry, root: folder, paths, protocolData, reports };
}

/** Waits until a job is there and in a state. */
export function reaches(registry: Registry, name: string, kind: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const is = () => registry.find(name)?.record.state.kind;
    const look = (): void => {
      if (is() !== kind) return;
      clearTimeout(timer);
      unsubscribe();
      resolve();
    };
    const unsubscribe = registry.subscribe(look);
    const timer = setTimeout(() => {
      unsubscribe();
      reject(new Error(`${name} is ${is()}, not ${kind}`));
    }, 20_000);
    look();
  });
}
