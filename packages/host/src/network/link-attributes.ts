import { readFileSync } from "node:fs";

/**
 * What the kernel says of a network link (a file of /sys/class/net/NAME); empty: there is none of that name. Asked of every node over and over:
 * on the spot, as the thread pool costs many times what the kernel takes to answer.
 */
export function linkText(name: string, file: string): string {
  try {
    return readFileSync(`/sys/class/net/${name}/${file}`, "utf8").trim();
  } catch {
    return "";
  }
}

/** The kernel's number of a link, which a link that is made anew does not have; undefined: there is none of that name. */
export function interfaceIndexOf(name: string): number | undefined {
  return Number(linkText(name, "ifindex")) || undefined;
}
