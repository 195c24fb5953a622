import { readFileSync } from "node:fs";

/**
 * The kernel's number of a link, which a link that is made anew does not have; undefined: there is none of that name. Asked of every node over and over: on the
 * spot, as the thread pool costs many times what the kernel takes to answer.
 */
export function interfaceIndexOf(name: string): number | undefined {
  try {
    return Number(readFileSync(`/sys/class/net/${name}/ifindex`, "latin1"));
  } catch {
    return undefined;
  }
}
