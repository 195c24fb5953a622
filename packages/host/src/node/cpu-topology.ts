import { readdirSync, readFileSync } from "node:fs";

/** A logical processor: what the kernel calls cpu, and this project a core. */
export interface LogicalCpu {
  readonly cpu: number;
  /** Lowest number of its physical core's processors: those with the same one get in each other's way. */
  readonly core: number;
  readonly numaNode: number;
}

const folder = "/sys/devices/system";

/** The machine's processors that are online; where the kernel does not tell more, each is a core of its own. */
export function readTopology(): readonly LogicalCpu[] {
  const online = onlineCpus();
  const nodes = namesIn(`${folder}/node`).flatMap((name) => {
    const number = /^node(\d+)$/.exec(name)?.[1];
    return number === undefined ? [] : [{ number: Number(number), cpus: readList(`${folder}/node/${name}/cpulist`) }];
  });
  return online.map((cpu) => ({
    cpu,
    core: Math.min(cpu, ...readList(`${folder}/cpu/cpu${cpu}/topology/thread_siblings_list`)),
    numaNode: nodes.find(({ cpus }) => cpus.includes(cpu))?.number ?? 0,
  }));
}

/** They come and go on machines where processors can be plugged. */
export function onlineCpus(): readonly number[] {
  return readList(`${folder}/cpu/online`);
}

/** `0-3,8` */
function readList(path: string): readonly number[] {
  let text = "";
  try {
    text = readFileSync(path, "utf8").trim();
  } catch {
    return [];
  }
  return text.split(",").flatMap((range) => {
    const [first = 0, last = first] = range.split("-").map(Number);
    return range === "" ? [] : Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

function namesIn(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
