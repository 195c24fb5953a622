import { mkdir, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Registry } from "../jobs/registry.ts";
import { pathsBelow } from "../paths.ts";
import { currentBoot } from "../process/identity.ts";
import { ProtocolData } from "../protocol-data/state.ts";

const SHIM = join(import.meta.dirname, "../jobs/shim.sh");

/** The jobs of a node without the agent around them. The same root again is what a new babel finds. */
export async function openRegistry(root?: string) {
  const folder = root ?? (await mkdtemp(join(tmpdir(), "babel-registry-")));
  const paths = pathsBelow(folder);
  await mkdir(paths.jobs, { recursive: true });
  const reports: string[] = [];
  const registry = new Registry({
    paths,
    toolbox: { busybox: "/bin/busybox", shim: SHIM, shell: "/bin/sh" },
    boot: await currentBoot(),
    protocolData: new ProtocolData(join(folder, "blockjoy")),
    environment: () => ({ PATH: process.env["PATH"] ?? "" }),
    archiveCommand: ["false"],
    report: (message) => reports.push(message),
    random: Math.random,
  });
  await registry.open();
  return { registry, root: folder, paths, reports };
}
