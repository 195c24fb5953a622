import { readFileSync, writeFileSync } from "node:fs";
import { reason } from "../../failure/failure.ts";
import type { Output } from "../../output/output.ts";

const switchPath = "/proc/sys/net/ipv4/ip_forward";

/** Nodes reach the world through this machine. The daemon does the same when it starts, so failing here is no error. */
export function allowForwarding(out: Output): void {
  try {
    if (readFileSync(switchPath, "utf8").trim() !== "1") writeFileSync(switchPath, "1");
  } catch (error) {
    out.warn({ code: "BVUP915", message: `cannot switch on IP forwarding: ${reason(error)}` });
  }
}
