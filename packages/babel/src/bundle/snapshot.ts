import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { configText } from "../jobs/config-file.ts";
import type { JobRecord } from "../jobs/record.ts";
import { pathsBelow } from "../paths.ts";
import type { Setup } from "../setup/conf.ts";
import { modulesLoadedBy, trimCodeCache } from "./code-cache.ts";
import { whenUsed } from "./when-used.ts";

const here = dirname(fileURLToPath(import.meta.url));

/** Parts of Node with objects that a snapshot cannot hold. They are loaded when they are first used, which takes them no time: they are in the binary. */
const heldBack = new Set(["crypto", "dns", "dns/promises", "http", "http2", "https", "tls", "worker_threads", "zlib"]);

/**
 * Writes the snapshot of babel's serving half, made by the Node and with the options that it will run with. The snapshot holds bytecode, no
 * machine code, so it runs on every processor of its architecture. Resolves with a digest of what it was made from: two snapshots of the
 * same differ in places.
 */
export async function buildSnapshot(node: string, options: readonly string[], target: string): Promise<string> {
  const script = `${target}.cjs`;
  await build({
    entryPoints: [join(here, "../snapshot.ts")],
    outfile: script,
    bundle: true,
    minify: true,
    format: "cjs",
    platform: "node",
    target: "node24",
    logLevel: "error",
    plugins: [whenUsed(heldBack)],
    inject: [join(here, "headers.ts")],
    define: {
      // Set at the start to where the bundle is then.
      "import.meta.url": "babelUrl",
    },
  });
  const warm = `${target}.warm`;
  try {
    await writeFirstSetup(warm);
    await promisify(execFile)(node, [...options, "--snapshot-blob", target, "--build-snapshot", script], {
      env: { BABEL_ROOT: warm },
      cwd: dirname(target),
    });
    // All others it has already, or nobody needs. A socket that listens loads `cluster`.
    const needed = await modulesLoadedBy(node, [...heldBack, "cluster"], `${target}.modules.cjs`);
    await writeFile(
      target,
      trimCodeCache(await readFile(target), (module) => needed.has(module)),
    );
    return createHash("sha256")
      .update(JSON.stringify([options, ...needed]))
      .update(await readFile(script))
      .digest("hex");
  } finally {
    await Promise.all([script, warm].map((path) => rm(path, { recursive: true, force: true })));
  }
}

/** What the start of a babel finds below `root` while the snapshot is made. */
async function writeFirstSetup(root: string): Promise<void> {
  const any = "-";
  const setup: Setup = {
    node_env: {
      ...{ node_id: any, node_name: any, node_org_id: any, node_version: any, node_protocol: any, node_variant: any },
      ...{
        node_ip: any,
        node_ipv6: any,
        node_gateway: any,
        dev_mode: true,
        bv_host_id: any,
        bv_host_name: any,
        bv_api_url: any,
      },
      ...{ data_mount_point: "/blockjoy", protocol_data_path: "/blockjoy/protocol_data", properties: {} },
    },
    ramdisks: [],
    secret: any.repeat(32),
  };
  const { firstSetup, jobs } = pathsBelow(root);
  await mkdir(dirname(firstSetup), { recursive: true });
  await writeFile(firstSetup, JSON.stringify(setup));
  const job = join(jobs, "job");
  const record: JobRecord = {
    ...{ version: 1, state: { kind: "stopped" }, changedAt: 0, runs: 0 },
    attempts: { attempt: 0, losses: 0 },
  };
  await mkdir(job, { recursive: true });
  await writeFile(join(job, "config.json"), configText({ job_type: { run_sh: "true" }, restart: "never" }));
  await writeFile(join(job, "status.json"), JSON.stringify(record));
}
