import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isOperationError, OperationError } from "@blockvisor/image/container";
import type { CgroupHierarchies } from "../cgroups/index.ts";
import { failpoint } from "../durable/index.ts";
import { launchTool } from "../launcher/index.ts";
import type { RuntimeProbe } from "./container-runtime.ts";
import type { OwnIds } from "./own-ids.ts";
import { groundFor, onGround, type ToolGround } from "./tool-ground.ts";

/** The command-line tool that makes containers, with the folder it keeps its own state in. */
export interface OciProgram {
  readonly name: string;
  readonly version: string;
  readonly args: readonly string[];
  /** For a command about a container with these files to join its cgroups by. */
  ground(joinFiles: readonly string[], hasOwnIds: boolean): ToolGround;
  /** Runs one verb; `errorCode` is the code of the error when it fails, whose message is the tool's own reason. */
  run(args: readonly string[], call: OciCall): Promise<void>;
}

interface OciCall {
  readonly errorCode: string;
  readonly fix?: string;
  readonly output?: number;
  /** Descriptor the tool holds open while it works (a lock); what it starts does not get it. */
  readonly inherit?: number;
  readonly input?: Promise<string>;
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
  /** Default: that of a container which has no cgroup. */
  readonly ground?: ToolGround;
  /** argv of what prepares the ground, and more, and becomes the tool; default: only the ground. */
  readonly enter?: (command: readonly [string, ...string[]]) => readonly [string, ...string[]];
}

/** A container to be made to see whether it can be. */
export interface OciTrial {
  readonly config: object;
  readonly own?: OwnIds;
}

/**
 * Finds the first tool that really makes a container here. The container is made up to the point where its first program would run, and
 * removed.
 */
export async function findOciProgram(
  directory: string,
  trial: (rootfs: string) => OciTrial,
  candidates: readonly string[],
  hierarchies: CgroupHierarchies,
): Promise<OciProgram | Extract<RuntimeProbe, { usable: false }>> {
  const reasons: string[] = [];
  let missing = 0;
  for (const name of candidates) {
    const program = ociProgram(name, directory, hierarchies, await versionOf(name));
    if (program.version === "") {
      missing += 1;
      continue;
    }
    try {
      await removeTrials(program, directory);
      await tryProgram(program, directory, trial);
      return program;
    } catch (error) {
      reasons.push(error instanceof Error ? error.message : String(error));
    }
  }
  if (missing === candidates.length) {
    const reason = `found none of: ${candidates.join(", ")}`;
    return { usable: false, code: "tool-missing", reason, fix: "apt-get install crun" };
  }
  return {
    usable: false,
    code: "runtime-unusable",
    reason: reasons.join("; "),
    fix: "run as root, on a machine that allows containers",
  };
}

export function ociProgram(
  name: string,
  directory: string,
  hierarchies: CgroupHierarchies,
  version: string,
): OciProgram {
  const state = join(directory, name);
  const args = ["--root", state];
  const groundOf: OciProgram["ground"] = (files, hasOwnIds) => groundFor(name, hierarchies, files, hasOwnIds);
  return {
    name,
    version,
    args,
    ground: groundOf,
    async run(verb, call) {
      mkdirSync(state, { recursive: true, mode: 0o700 });
      const log = join(state, `.log-${randomBytes(6).toString("hex")}`);
      try {
        const ground = call.ground ?? groundOf([], false);
        const logging = ["--log", log, "--log-format", "json"];
        const command = [name, ...args, ...logging, ...ground.options, ...verb] as const;
        const [tool, ...words] = call.enter?.(command) ?? onGround(ground, command);
        await launchTool(tool, words, {
          output: call.output ?? "ignore",
          ...(call.inherit === undefined ? {} : { inherit: [call.inherit] }),
          ...(call.input ? { input: call.input } : {}),
          ...(call.signal ? { signal: call.signal } : {}),
          ...(call.timeoutMs ? { timeoutMs: call.timeoutMs } : {}),
        });
      } catch (error) {
        if (!isOperationError(error, "tool-failed")) throw error;
        const reason = (await lastMessage(log)) ?? error.message;
        const fix = call.fix === undefined ? {} : { fix: call.fix };
        throw new OperationError(call.errorCode, `${name}: ${reason}`, { ...fix, cause: error });
      } finally {
        await rm(log, { force: true });
      }
    },
  };
}

const trialPrefix = "probe-";

/** Containers of trials that were cut by a `kill -9` of the daemon: their first process would wait for ever. */
async function removeTrials(program: OciProgram, directory: string): Promise<void> {
  const state = join(directory, program.name);
  const trials = (await readdir(state).catch(() => [])).filter((name) => name.startsWith(trialPrefix));
  for (const id of trials) {
    // What cannot be removed now is tried again by the next daemon; it hinders nothing.
    await program.run(["delete", "--force", id], { errorCode: "runtime-unusable", timeoutMs: 20_000 }).catch(() => {});
  }
  const bundles = (await readdir(directory)).filter((name) => name.startsWith(trialPrefix));
  for (const name of bundles) await rm(join(directory, name), { recursive: true });
}

/** Makes a container up to the point where its first program would run, and removes it. Error `runtime-unusable`. */
export async function tryProgram(
  program: OciProgram,
  directory: string,
  trial: (rootfs: string) => OciTrial,
): Promise<void> {
  const bundle = await mkdtemp(join(directory, trialPrefix));
  const id = `${trialPrefix}${randomBytes(6).toString("hex")}`;
  const call = { errorCode: "runtime-unusable", timeoutMs: 20_000 };
  try {
    const rootfs = join(bundle, "rootfs");
    await mkdir(rootfs);
    await writeFile(join(rootfs, "init"), "#!");
    await chmod(join(rootfs, "init"), 0o755);
    const { config, own } = trial(rootfs);
    if (own) await chown(rootfs, own.base, own.base);
    await writeFile(join(bundle, "config.json"), JSON.stringify(config));
    await program.run(["create", "--bundle", bundle, id], {
      ...call,
      ...(own ? { enter: own.enter, ground: own.ground } : {}),
    });
    failpoint("oci.tried");
  } finally {
    await program.run(["delete", "--force", id], call).catch(() => {});
    await rm(bundle, { recursive: true, force: true });
  }
}

async function versionOf(name: string): Promise<string> {
  try {
    const { stdout } = await launchTool(name, ["--version"]);
    return /\d+\.\d+[^\s]*/.exec(stdout)?.[0] ?? "unknown";
  } catch (error) {
    if (isOperationError(error, "tool-missing")) return "";
    throw error;
  }
}

/** Why a tool failed, from the log that it wrote. */
export async function lastMessage(log: string): Promise<string | undefined> {
  const lines = (await readFile(log, "utf8").catch(() => "")).trim().split("\n");
  for (const line of lines.toReversed()) {
    try {
      const { msg } = JSON.parse(line) as { readonly msg?: unknown };
      if (typeof msg === "string" && msg !== "") return msg;
    } catch {
      // Not a line of the log format; an earlier one may be.
    }
  }
  return undefined;
}
