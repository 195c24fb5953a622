import { setTimeout as delay } from "node:timers/promises";
import { readBoundedSync, replaceForThisBoot } from "../files/durable.ts";
import { isAlive, type ProcessIdentity, signalProcess, statOf } from "./identity.ts";

const PATIENCE_MS = 3_000;
const POLL_MS = 10;

/**
 * Makes this the only babel of its node: one that still runs, however it came to be, is ended first. Two of them would start every
 * job twice. Jobs are not touched.
 *
 * @param path file with "pid startticks bootid" of the babel in charge
 */
export async function takeOver(path: string, boot: string): Promise<void> {
  const [pid, startTicks, recordedBoot] = (readBoundedSync(path, 256)?.toString("latin1") ?? "").trim().split(" ");
  const other: ProcessIdentity = { pid: Number(pid), startTicks: Number(startTicks) };
  if (recordedBoot === boot && other.pid !== process.pid && isAlive(other)) await end(other);
  replaceForThisBoot(path, `${process.pid} ${statOf(process.pid)?.startTicks} ${boot}\n`);
}

async function end(other: ProcessIdentity): Promise<void> {
  signalProcess(other, "SIGTERM");
  const deadline = performance.now() + PATIENCE_MS;
  while (isAlive(other)) {
    if (performance.now() > deadline) signalProcess(other, "SIGKILL");
    await delay(POLL_MS);
  }
}
