import { randomBytes } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isOperationError, OperationError } from "@blockvisor/image/container";
import { createNodeCgroups } from "../cgroups/index.ts";
import { chooseRange } from "../user-namespace/index.ts";
import type { ContainerDriver } from "./container-driver.ts";
import type { ContainerRuntime, ContainerSpec } from "./container-runtime.ts";
import { hostNameOf, hostsFile, resolvConf } from "./host-files.ts";
import { prepareMountPoints, SYSTEM_FOLDERS } from "./mount-points.ts";
import { ociConfig, ociProcess } from "./oci-config.ts";
import { findOciProgram, type OciProgram, type OciTrial, tryProgram } from "./oci-program.ts";
import { besideOwnIds, type OwnIds, ownIds } from "./own-ids.ts";
import { createContainerRuntime, type RuntimeOptions } from "./supervised-runtime.ts";

export interface OciRuntimeOptions extends RuntimeOptions {
  /** Tools to try in this order; default runc, then crun. */
  readonly programs?: readonly string[];
}

/** Containers by runc or crun, each in its own bundle folder with a configuration of ours. */
export function createOciRuntime(options: OciRuntimeOptions): ContainerRuntime {
  const cgroups = options.cgroups ?? createNodeCgroups();
  const { runDirectory, programs = ["runc", "crun"] } = options;
  const bundleOf = (nodeId: string) => join(runDirectory, "bundles", nodeId);
  let found: ReturnType<typeof findOciProgram> | undefined;
  let withoutUserNamespaces: Promise<string | undefined> | undefined;

  let trials: Promise<unknown> = Promise.resolve();

  /** One trial at a time: each clears what it takes for the leftovers of others. */
  function inTurn<T>(trial: () => Promise<T>): Promise<T> {
    const result = trials.then(trial);
    trials = result.catch(() => {});
    return result;
  }

  function findProgram(): ReturnType<typeof findOciProgram> {
    return inTurn(async () => {
      await mkdir(runDirectory, { recursive: true, mode: 0o700 });
      return findOciProgram(runDirectory, (rootfs) => trialOf(rootfs, cgroups.nameOf("probe")), programs);
    });
  }

  async function program(): Promise<OciProgram> {
    found ??= findProgram();
    const result = await found;
    if ("run" in result) return result;
    found = undefined; // What was missing may be there the next time.
    throw new OperationError(result.code, `containers cannot be run: ${result.reason}`, { fix: result.fix });
  }

  async function tryUserNamespace(): Promise<string | undefined> {
    try {
      const tool = await program();
      const namespace = { idBase: chooseRange(new Set()), needed: [runDirectory] };
      const trial = (rootfs: string): OciTrial => trialOf(rootfs, cgroups.nameOf("probe"), namespace);
      await inTurn(() => tryProgram(tool, runDirectory, trial));
      return undefined;
    } catch (error) {
      if (!isOperationError(error)) throw error;
      return error.message;
    }
  }

  async function writeBundle(spec: ContainerSpec): Promise<{ readonly bundle: string; readonly own?: OwnIds }> {
    const { nodeId } = spec;
    const bundle = bundleOf(nodeId);
    await mkdir(bundle, { recursive: true, mode: 0o700 });
    const host = {
      cgroup: cgroups.nameOf(nodeId),
      resolvConf: join(bundle, "resolv.conf"),
      hosts: join(bundle, "hosts"),
    };
    const places = { ...host, joinFiles: cgroups.joinFiles(nodeId), needed: [runDirectory] };
    const own = hasOwnIds(spec) ? ownIds(spec, places) : undefined;
    await Promise.all([
      resolvConf().then((text) => writeFile(host.resolvConf, text, { mode: 0o644 })),
      writeFile(host.hosts, hostsFile(hostNameOf(spec.hostname)), { mode: 0o644 }),
      writeFile(join(bundle, "config.json"), JSON.stringify(ociConfig(spec, host, own)), { mode: 0o600 }),
    ]);
    return { bundle, ...(own ? { own } : {}) };
  }

  const driver: ContainerDriver = {
    kind: "oci",

    async probe() {
      const result = await findProgram();
      if (!("run" in result)) return result;
      found = Promise.resolve(result);
      return { usable: true, program: result.name, version: result.version };
    },

    withoutUserNamespaces: () => (withoutUserNamespaces ??= tryUserNamespace()),

    async run(spec, { lock, log, network, onLaunch, ...call }) {
      const mounts = spec.mounts.map(({ destination }) => destination);
      const written = writeBundle(spec);
      const [tool, { bundle, own }] = await Promise.all([
        program(),
        written,
        // What is missing has to belong to the container's root: the tool makes it, as that.
        prepareMountPoints(spec.rootfs, { folders: [...SYSTEM_FOLDERS, ...mounts], make: spec.idBase === undefined }),
        network,
        // A bundle that is to be removed because something else failed must not be written meanwhile.
      ]).finally(() => written.catch(() => {}));
      const pidFile = join(bundle, "init.pid");
      await tool.run(["run", "--detach", "--bundle", bundle, "--pid-file", pidFile, spec.nodeId], {
        errorCode: "container-start-failed",
        fix: "check that the image can run: its root file system needs nothing but the mounted agent",
        output: log,
        inherit: lock,
        ...(onLaunch ? { onSpawn: onLaunch } : {}),
        ...(own ? { enter: own.enter } : {}),
        ...call,
      });
      return Number(await readFile(pidFile, "utf8"));
    },

    async exec(spec, command, { log, ...call }) {
      const { nodeId } = spec;
      const tool = await program();
      const base = join(bundleOf(nodeId), `exec-${randomBytes(6).toString("hex")}`);
      const [processFile, pidFile] = [`${base}.json`, `${base}.pid`];
      await writeFile(processFile, JSON.stringify(ociProcess(command)), { mode: 0o600 });
      try {
        await tool.run(["exec", "--detach", "--process", processFile, "--pid-file", pidFile, nodeId], {
          errorCode: "container-exec-failed",
          fix: `check that ${command.argv[0]} exists in the container`,
          output: log,
          ...(hasOwnIds(spec) ? { enter: (argv) => besideOwnIds(spec, argv) } : {}),
          ...call,
        });
        return Number(await readFile(pidFile, "utf8"));
      } finally {
        await rm(processFile, { force: true });
        await rm(pidFile, { force: true });
      }
    },

    async interactive(spec, command) {
      const { nodeId } = spec;
      const tool = await program();
      // In a file, so that the environment does not show in the process list; it goes with the bundle.
      const processFile = join(bundleOf(nodeId), `shell-${randomBytes(6).toString("hex")}.json`);
      await writeFile(processFile, JSON.stringify(ociProcess(command)), { mode: 0o600 });
      const words = [tool.name, ...tool.args, "exec", "--process", processFile, nodeId] as const;
      const [file, ...args] = hasOwnIds(spec) ? besideOwnIds(spec, words) : words;
      return { file, args, env: {} };
    },

    async forget(nodeId) {
      // A tool's own state is no more than a folder once the processes and mounts of the container are gone.
      const folders = [...programs.map((name) => join(runDirectory, name, nodeId)), bundleOf(nodeId)];
      await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })));
    },
  };
  return createContainerRuntime({ ...options, cgroups }, driver);
}

function hasOwnIds(spec: ContainerSpec): spec is ContainerSpec & { readonly idBase: number } {
  return spec.idBase !== undefined;
}

function trialOf(
  rootfs: string,
  cgroup: string,
  namespace?: { readonly idBase: number; readonly needed: readonly string[] },
): OciTrial {
  const nothing = { nodeId: "probe", env: {}, mounts: [], ramdisks: [], limits: {}, logPath: "/dev/null" };
  const host = { cgroup: `${cgroup}-${randomBytes(6).toString("hex")}`, resolvConf: "/dev/null", hosts: "/dev/null" };
  const network = { kind: "host" } as const;
  const spec: ContainerSpec = { ...nothing, rootfs, init: ["/init"], hostname: "probe", network };
  if (!namespace) return { config: ociConfig(spec, host) };
  const { idBase, needed } = namespace;
  const own = ownIds({ ...spec, idBase }, { ...host, joinFiles: [], needed });
  return { config: ociConfig(spec, host, own), own };
}
