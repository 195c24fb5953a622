import { readFile } from "node:fs/promises";

/** How much of the time work stood still for want of a resource: the kernel's pressure stall information. */
export interface Pressure {
  readonly resource: "cpu" | "memory" | "io";
  /** Percent of the last 10 and 60 seconds in which some processes waited, and in which all did. */
  readonly someAvg10: number;
  readonly someAvg60: number;
  readonly fullAvg10: number;
  readonly fullAvg60: number;
  /** Seconds since the start in which some processes waited. */
  readonly someSeconds: number;
}

const resources = ["cpu", "memory", "io"] as const;

/** Of a version 2 cgroup's folder, or (`/proc/pressure`) of the machine. Empty where the kernel does not count it. */
export async function readPressure(fileOf: (resource: Pressure["resource"]) => string): Promise<readonly Pressure[]> {
  const found = await Promise.all(
    resources.map(async (resource) => {
      // Without PSI the files are missing, or reading them is refused.
      const text = await readFile(fileOf(resource), "utf8").catch(() => undefined);
      return text === undefined ? undefined : parsePressure(resource, text);
    }),
  );
  return found.filter((pressure) => pressure !== undefined);
}

export function machinePressure(): Promise<readonly Pressure[]> {
  return readPressure((resource) => `/proc/pressure/${resource}`);
}

function parsePressure(resource: Pressure["resource"], text: string): Pressure {
  const value = (line: "some" | "full", key: string): number =>
    Number(new RegExp(`^${line} .*\\b${key}=([0-9.]+)`, "m").exec(text)?.[1] ?? 0);
  return {
    resource,
    someAvg10: value("some", "avg10"),
    someAvg60: value("some", "avg60"),
    fullAvg10: value("full", "avg10"),
    fullAvg60: value("full", "avg60"),
    someSeconds: value("some", "total") / 1e6,
  };
}
