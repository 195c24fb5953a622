import { machineFacts } from "@blockvisor/image/machine";
import type { Call } from "../../../command/verb.ts";
import { gigabytes } from "../../../output/size.ts";
import { thisMachine } from "../../../place/machine.ts";
import { stateDirectory } from "../../../place/root.ts";
import { fetchedImages, imagesText } from "./images.ts";

/** `bv host info`: local data only (host-daemon §2.2). */
export async function hostInfo({ out }: Call<object, []>): Promise<void> {
  const machine = thisMachine(stateDirectory());
  const images = fetchedImages();
  const { kernel, gpus, runtimes } = await machineFacts();
  const fields: readonly (readonly [string, string])[] = [
    ["Hostname", machine.hostname],
    ["OS name", machine.os],
    ["OS version", machine.osVersion],
    ["Kernel", kernel],
    ["CPU count", String(machine.cpuCount)],
    ["Total mem", gigabytes(machine.memoryBytes)],
    ["Total disk", gigabytes(machine.diskBytes)],
    ...gpus.map(({ address, name }) => ["GPU", `${name} (${address})`] as const),
    ["Runtimes", runtimes.map(({ program, version }) => `${program} ${version}`).join(", ") || "none"],
    ["Images", imagesText(images)],
  ];
  for (const [label, value] of fields) out.line(`${`${label}:`.padEnd(16)}${value}`);
  out.document({
    hostname: machine.hostname,
    os: machine.os,
    os_version: machine.osVersion,
    kernel,
    cpu_count: machine.cpuCount,
    memory_bytes: machine.memoryBytes,
    disk_bytes: machine.diskBytes,
    gpus,
    runtimes,
    images,
  });
}
