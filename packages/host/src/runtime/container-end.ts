import { constants } from "node:os";

/** What can be told of a container that ended though nobody stopped it. */
export interface ContainerEnd {
  /** Processes that the kernel killed in it for want of memory, the first one among them or not. */
  readonly oomKills: number;
  /** Of its first process; undefined when it ended while no daemon ran and was collected since. */
  readonly exit: ProcessExit | undefined;
}

export type ProcessExit =
  | { readonly kind: "exited"; readonly code: number }
  | { readonly kind: "killed"; readonly signal: number };

/** From a status as `wait` gives it. */
export function exitFromStatus(status: number): ProcessExit {
  const signal = status & 0x7f;
  return signal === 0 ? { kind: "exited", code: (status >> 8) & 0xff } : { kind: "killed", signal };
}

/** In words, behind "the container does not run"; undefined when nothing is known. */
export function endText({ oomKills, exit }: ContainerEnd): string | undefined {
  const memory = oomKills === 0 ? [] : [`the kernel killed ${oomKills} of its processes for want of memory`];
  const words = [...memory, ...(exit === undefined ? [] : [`its first process ${exitText(exit)}`])];
  return words.length === 0 ? undefined : words.join("; ");
}

function exitText(exit: ProcessExit): string {
  if (exit.kind === "exited") return `ended with exit code ${exit.code}`;
  const [name] = Object.entries(constants.signals).find(([, number]) => number === exit.signal) ?? [];
  return `was killed by ${name ?? `signal ${exit.signal}`}`;
}
