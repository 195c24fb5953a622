import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isOperationError, OperationError } from "@blockvisor/image/container";
import { createNodeCgroups, detectHierarchies } from "../cgroups/index.ts";
import { chooseRange } from "../user-namespace/index.ts";
import type { ContainerDriver } from "./container-driver.ts";
import type { ContainerRuntime, ContainerSpec } from "./container-runtime.ts";
import { hostNameOf, hostsFile, resolvConf } from "./host-files.ts";
import { prepareMountPoints, SYSTEM_FOLDERS } from "./mount-points.ts";
import { ociConfig, ociProcess } from "./oci-config.ts";
import { findOciProgram, lastMessage, type OciProgram, type OciTrial, ociProgram, tryProgram } from "./oci-program.ts";
import { besideOwnIds, type OwnIds, ownIds } from "./own-ids.ts";
import { createContainerRuntime, type RuntimeOptions } from "./supervised-runtime.ts";
import { onGround, type ToolGround } from "./tool-ground.ts";

export interface OciRuntimeOptions extends RuntimeOptions {
  /** Tools to try in this order; default crun, which is three times as fast, then runc. */
  readonly programs?: readonly string[];
}

interface Bundle {
  readonly folder: string;
  readonly ground: ToolGround;
  readonly own?: OwnIds;
  write(): void;
}

/** Containers by runc or crun, each in its own bundle folder with a configuration of ours. */
export function createOciRuntime(options: OciRuntimeOptions): ContainerRuntime {
  const cgroups = options.cgroups ?? createNodeCgroups();
  const hierarchies = detectHierarchies();
  const { runDirectory, programs = ["crun", "runc"] } = options;
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
      return findOciProgram(runDirectory, (rootfs) => trialOf(rootfs, cgroups.nameOf("probe")), programs, hierarchies);
    });
  }

  async function program(): Promise<OciProgram> {
    found ??= findProgram();
    const result = await found;
    if ("run" in result) return result;
    found = undefined; // What was missing may be there the next time.
    throw new OperationError(result.code, `containers cannot be run: ${result.reason}`, { fix: result.fix });
  }

  /** A container stays with the tool that made it, also when another one has been installed since. */
  async function makerOf(nodeId: string): Promise<OciProgram> {
    const maker = programs.find((name) => existsSync(join(runDirectory, name, nodeId)));
    const chosen = await program();
    return maker === undefined || maker === chosen.name ? chosen : ociProgram(maker, runDirectory, hierarchies, "");
  }

  async function tryUserNamespace(): Promise<string | undefined> {
    try {
      const tool = await program();
      const namespace = { idBase: chooseRange(new Set()), needed: [runDirectory], ground: tool.ground([], true) };
      const trial = (rootfs: string): OciTrial => trialOf(rootfs, cgroups.nameOf("probe"), namespace);
      await inTurn(() => tryProgram(tool, runDirectory, trial));
      return undefined;
    } catch (error) {
      if (!isOperationError(error)) throw error;
      return error.message;
    }
  }

  /** What a container is started with. Nothing of it is there before `write` is done. */
  function bundleFor(spec: ContainerSpec, tool: OciProgram): Bundle {
    const { nodeId } = spec;
    const ground = groundIn(tool, spec);
    const folder = bundleOf(nodeId);
    const host = {
      cgroup: cgroups.nameOf(nodeId),
      resolvConf: join(folder, "resolv.conf"),
      hosts: join(folder, "hosts"),
    };
    const places = {
      ...host,
      joinFiles: cgroups.joinFiles(nodeId),
      unifiedFolder: cgroups.unifiedFolder(nodeId),
      needed: [runDirectory],
      ground,
    };
    const own = hasOwnIds(spec) ? ownIds(spec, places) : undefined;
    // It lies in memory: on the spot.
    const write = (): void => {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      writeFileSync(host.hosts, hostsFile(hostNameOf(spec.hostname)), { mode: 0o644 });
      writeFileSync(join(folder, "config.json"), JSON.stringify(ociConfig(spec, host, own)), { mode: 0o600 });
      writeFileSync(host.resolvConf, resolvConf(), { mode: 0o644 });
    };
    return { folder, ground, write, ...(own ? { own } : {}) };
  }

  const groundIn = (tool: OciProgram, spec: ContainerSpec): ToolGround =>
    tool.ground(cgroups.joinFiles(spec.nodeId), hasOwnIds(spec));

  /** argv of a command of a tool that starts something more in a container. */
  function beside(
    spec: ContainerSpec,
    command: readonly [string, ...string[]],
    ground: ToolGround,
  ): readonly [string, ...string[]] {
    const words = onGround(ground, command);
    return hasOwnIds(spec) ? besideOwnIds(spec, words) : words;
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

    async run(spec, { lock, log, network, ...call }) {
      const mounts = spec.mounts.map(({ destination }) => destination);
      const tool = await program();
      const { folder, ground, own, write } = bundleFor(spec, tool);
      write();
      const preparing = [
        // What is missing has to belong to the container's root: the tool makes it, as that.
        prepareMountPoints(spec.rootfs, { folders: [...SYSTEM_FOLDERS, ...mounts], make: !own }),
        network,
      ];
      const prepared = Promise.all(preparing).then(() => "prepared\n");
      prepared.catch(() => {}); // Told when the tool is not there to wait for it, or has ended.
      const pidFile = join(folder, "init.pid");
      try {
        if (!own) await prepared;
        await tool.run(["run", "--detach", "--bundle", folder, "--pid-file", pidFile, spec.nodeId], {
          errorCode: "container-start-failed",
          fix: "check that the image can run: its root file system needs nothing but the mounted agent",
          output: log,
          inherit: lock,
          ground,
          // Its own part goes on while the rest is prepared.
          ...(own ? { enter: own.enter, input: prepared } : {}),
          ...call,
        });
      } catch (error) {
        // What is removed now must not be written meanwhile; without what was to be prepared the tool ends by itself, and that is why.
        await Promise.allSettled(preparing);
        await prepared;
        throw error;
      }
      return Number(await readFile(pidFile, "utf8"));
    },

    async exec(spec, command, { log, ...call }) {
      const { nodeId } = spec;
      const tool = await makerOf(nodeId);
      const ground = groundIn(tool, spec);
      const base = join(bundleOf(nodeId), `exec-${randomBytes(6).toString("hex")}`);
      const [processFile, pidFile] = [`${base}.json`, `${base}.pid`];
      await writeFile(processFile, JSON.stringify(ociProcess(spec, command)), { mode: 0o600 });
      try {
        await tool.run(["exec", "--detach", "--process", processFile, "--pid-file", pidFile, nodeId], {
          errorCode: "container-exec-failed",
          fix: `check that ${command.argv[0]} exists in the container`,
          output: log,
          ground,
          enter: (argv) => beside(spec, argv, ground),
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
      const tool = await makerOf(nodeId);
      const name = `shell-${randomBytes(6).toString("hex")}`;
      const base = join(bundleOf(nodeId), name);
      const [processFile, pidFile, log] = [`${base}.json`, `${base}.pid`, `${base}.log`];
      // Paths of sockets are limited: not in the bundle.
      const terminal = join(runDirectory, name);
      // In a file, so that the environment does not show in the process list.
      await writeFile(processFile, JSON.stringify(ociProcess(spec, command)), { mode: 0o600 });
      const ground = groundIn(tool, spec);
      const words = [
        ...([tool.name, ...tool.args, "--log", log, "--log-format", "json", ...ground.options] as const),
        ...["exec", "--detach", "--process", processFile, "--pid-file", pidFile],
        ...(command.terminal ? ["--console-socket", terminal] : []),
        nodeId,
      ] as const;
      return {
        argv: beside(spec, words, ground),
        env: {},
        terminal,
        pidFile,
        failure: () => lastMessage(log),
        clear: async () => {
          await Promise.all([processFile, pidFile, log, terminal].map((path) => rm(path, { force: true })));
        },
      };
    },

    async forget(nodeId) {
      // A tool's own state is no more than a folder once the processes and mounts of the container are gone.
      const folders = [...programs.map((name) => join(runDirectory, name, nodeId)), bundleOf(nodeId)];
      const left = folders.filter((folder) => existsSync(folder));
      await Promise.all(left.map((folder) => rm(folder, { recursive: true, force: true })));
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
  namespace?: Pick<Parameters<typeof ownIds>[1], "needed" | "ground"> & { readonly idBase: number },
): OciTrial {
  const nothing = { nodeId: "probe", env: {}, mounts: [], ramdisks: [], limits: {}, logPath: "/dev/null" };
  // A file of a disk, as the real ones are: where this machine is a container itself, its devices may not be mounted elsewhere.
  const file = join(rootfs, "init");
  const host = { cgroup: `${cgroup}-${randomBytes(6).toString("hex")}`, resolvConf: file, hosts: file };
  const network = { kind: "host" } as const;
  const spec: ContainerSpec = { ...nothing, rootfs, init: ["/init"], hostname: "probe", network };
  if (!namespace) return { config: ociConfig(spec, host) };
  const { idBase, ...places } = namespace;
  const own = ownIds({ ...spec, idBase }, { ...host, joinFiles: [], unifiedFolder: undefined, ...places });
  return { config: ociConfig(spec, host, own), own };
}
