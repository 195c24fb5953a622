import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { linkNames, nodeHash } from "../network/names.ts";
import type { HostPaths } from "../place/paths.ts";

const run = promisify(execFile);

/** Everything on this machine that still tells of a node: mounts, processes, cgroups, network namespaces, links, firewall rules, files. */
export async function tracesOf(paths: HostPaths, id: string): Promise<string[]> {
  const found = await Promise.all([
    mounts(paths, id),
    processes(id),
    cgroups(id),
    network(id),
    firewall(id),
    files(paths, id),
  ]);
  return found.flat().sort();
}

async function mounts(paths: HostPaths, id: string): Promise<string[]> {
  const table = await readFile("/proc/self/mountinfo", "utf8");
  const lines = table.split("\n").filter((line) => line.includes(paths.root) && line.includes(id));
  return lines.map((line) => `mount ${line.split(" ")[4]}`);
}

/** Processes in a cgroup of the node, or with its id on their command line. */
async function processes(id: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const read = (name: string): Promise<string> => readFile(`/proc/${pid}/${name}`, "utf8").catch(() => "");
    const [command, cgroup, stat] = await Promise.all([read("cmdline"), read("cgroup"), read("stat")]);
    // A zombie has ended; when it goes is up to whoever reaps it.
    if (/^\d+ \(.*\) Z /s.test(stat)) continue;
    if (cgroup.includes(id) || (command.includes(id) && Number(pid) !== process.pid)) {
      found.push(`process ${command.replaceAll("\0", " ").trim()}`);
    }
  }
  return found;
}

async function cgroups(id: string): Promise<string[]> {
  const { stdout } = await run("find", ["/sys/fs/cgroup", "-type", "d", "-name", `*${id}*`]).catch(() => ({
    stdout: "",
  }));
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => `cgroup ${line}`);
}

async function network(id: string): Promise<string[]> {
  const { stdout: namespaces } = await run("ip", ["netns", "list"]);
  const { stdout: links } = await run("ip", ["-o", "link", "show"]);
  const { hostInterface } = linkNames(id);
  return [
    ...namespaces
      .split("\n")
      .filter((line) => line.includes(id))
      .map((line) => `netns ${line}`),
    ...links
      .split("\n")
      .filter((line) => line.includes(id) || line.includes(hostInterface))
      .map((line) => `link ${line}`),
  ];
}

/** Tables have names that come from a hash of the id. */
async function firewall(id: string): Promise<string[]> {
  const { stdout } = await run("nft", ["list", "ruleset"]).catch(() => ({ stdout: "" }));
  return stdout
    .split("\n")
    .filter((line) => line.includes(id) || line.includes(nodeHash(id).slice(0, 12)))
    .map((line) => `nft ${line.trim()}`);
}

async function files(paths: HostPaths, id: string): Promise<string[]> {
  const list = async (folder: string, recursive: boolean): Promise<string[]> => {
    const entries = await readdir(folder, { recursive }).catch(() => []);
    return entries.filter((name) => name.includes(id)).map((name) => `file ${folder}/${name}`);
  };
  const flat = [paths.var, paths.nodes, paths.trash].map((folder) => list(folder, false));
  return (await Promise.all([...flat, list(paths.runDirectory, true)])).flat();
}
