import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "../../../failure/failure.ts";
import { replaceFile } from "../../../files/replace-file.ts";

/**
 * Says that this process works on the data of a node, in the node's own directory: the daemon does not start the node as long as we live.
 * @throws Failure `node-busy` if another process does
 */
export function holdNode(directory: string, name: string, by: string): Disposable {
  const path = join(directory, "held.json");
  const holder = readHolder(path);
  if (holder !== undefined && holder.startTicks === startTicksOf(holder.pid) && holder.bootId === bootId()) {
    throw new Failure("node-busy", `\`${holder.by}\` (pid ${holder.pid}) works on the data of node ${name}`, {
      hint: "wait until it is done, or end it",
    });
  }
  const { pid } = process;
  const hold = { schema_version: 1, pid, startTicks: startTicksOf(pid), bootId: bootId(), by };
  replaceFile(path, JSON.stringify(hold), 0o600);
  return { [Symbol.dispose]: () => rmSync(path, { force: true }) };
}

interface Holder {
  readonly pid: number;
  readonly startTicks: number;
  readonly bootId: string;
  readonly by: string;
}

/** What is not one of ours holds nothing. */
function readHolder(path: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Holder;
  } catch {
    return undefined;
  }
}

const bootId = (): string => readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();

/** Field 22 of /proc/PID/stat, counted from the last parenthesis: the command name before it may be anything. */
function startTicksOf(pid: number): number | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    return Number(text.slice(text.lastIndexOf(")") + 2).split(" ")[19]);
  } catch {
    return undefined;
  }
}
