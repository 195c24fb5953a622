import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { basename } from "node:path";
import { promisify } from "node:util";
import { linkNames, nodeHash } from "../network/names.ts";
import type { HostPaths } from "../place/paths.ts";

const run = promisify(execFile);

/** Everything on this machine that still tells of these nodes: mounts, processes, cgroups, network namespaces, links, firewall rules, files. */
export async function tracesOf(paths: HostPaths, ...ids: readonly string[]): Promise<string[]> {
  if (ids.length === 0) return [];
  const theirs = naming(ids);
  const found = await Promise.all([
    mounts(paths, theirs),
    processes(theirs),
    cgroups(theirs),
    network(ids),
    firewall(ids),
    files(paths, theirs),
  ]);
  return found.flat().sort();
}

type IsTheirs = (text: string) => boolean;

function naming(names: readonly string[]): IsTheirs {
  return (text) => names.some((name) => text.includes(name));
}

async function mounts(paths: HostPaths, theirs: IsTheirs): Promise<string[]> {
  const table = await readFile("/proc/self/mountinfo", "utf8");
  const lines = table.split("\n").filter((line) => line.includes(paths.root) && theirs(line));
  return lines.map((line) => `mount ${line.split(" ")[4]}`);
}

/** Processes in a cgroup of a node, or with its id on their command line. */
async function processes(theirs: IsTheirs): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const read = (name: string): Promise<string> => readFile(`/proc/${pid}/${name}`, "utf8").catch(() => "");
    const [command, cgroup, stat] = await Promise.all([read("cmdline"), read("cgroup"), read("stat")]);
    // A zombie has ended; when it goes is up to whoever reaps it.
    if (/^\d+ \(.*\) Z /s.test(stat)) continue;
    if (theirs(cgroup) || (theirs(command) && Number(pid) !== process.pid)) {
      found.push(`process ${command.replaceAll("\0", " ").trim()}`);
    }
  }
  return found;
}

async function cgroups(theirs: IsTheirs): Promise<string[]> {
  const { stdout } = await run("find", ["/sys/fs/cgroup", "-type", "d"]).catch(() => ({ stdout: "" }));
  return stdout
    .split("\n")
    .filter((path) => theirs(basename(path)))
    .map((path) => `cgroup ${path}`);
}

async function network(ids: readonly string[]): Promise<string[]> {
  const { stdout: namespaces } = await run("ip", ["netns", "list"]);
  const { stdout: links } = await run("ip", ["-o", "link", "show"]);
  const isNamespace = naming(ids);
  const isLink = naming([...ids, ...ids.map((id) => linkNames(id).hostInterface)]);
  return [
    ...namespaces
      .split("\n")
      .filter(isNamespace)
      .map((line) => `netns ${line}`),
    ...links
      .split("\n")
      .filter(isLink)
      .map((line) => `link ${line}`),
  ];
}

/** Tables have names that come from a hash of the id. */
async function firewall(ids: readonly string[]): Promise<string[]> {
  const { stdout } = await run("nft", ["list", "ruleset"]).catch(() => ({ stdout: "" }));
  return stdout
    .split("\n")
    .filter(naming([...ids, ...ids.map((id) => nodeHash(id).slice(0, 12))]))
    .map((line) => `nft ${line.trim()}`);
}

async function files(paths: HostPaths, theirs: IsTheirs): Promise<string[]> {
  const list = async (folder: string, recursive: boolean): Promise<string[]> => {
    const entries = await readdir(folder, { recursive }).catch(() => []);
    return entries.filter(theirs).map((name) => `file ${folder}/${name}`);
  };
  const flat = [paths.var, paths.nodes, paths.trash].map((folder) => list(folder, false));
  return (await Promise.all([...flat, list(paths.runDirectory, true)])).flat();
}
