import { mkdir, readFile } from "node:fs/promises";
import { posix } from "node:path";
import { internal, invalid } from "../failure.ts";
import { runTool } from "../process/tool.ts";

export type RamDisk = { readonly ram_disk_mount_point: string; readonly ram_disk_size_mb: number };

type Mount = { readonly point: string; readonly type: string; readonly sizeBytes?: number };

/** Mounts what is missing, and remounts what has another size. (§1.9, D1-06) */
export async function mountRamdisks(ramdisks: readonly RamDisk[], busybox: string): Promise<void> {
  if (ramdisks.length === 0) return;
  const mounts = parseMountInfo(await readFile("/proc/self/mountinfo", "utf8"));
  for (const ramdisk of ramdisks) await mountRamdisk(ramdisk, mounts, busybox);
}

async function mountRamdisk(ramdisk: RamDisk, mounts: readonly Mount[], busybox: string): Promise<void> {
  const point = mountPoint(ramdisk);
  const size = `size=${ramdisk.ram_disk_size_mb}M`;
  const mounted = mounts.findLast((mount) => mount.point === point);
  if (mounted?.type === "tmpfs") {
    if (isSize(mounted.sizeBytes, ramdisk.ram_disk_size_mb)) return;
    return mount(point, busybox, ["-o", `remount,rw,${size}`, point]);
  }
  await mkdir(point, { recursive: true }).catch((error: unknown) => {
    throw internal("setup-ramdisk", `failed to add ram disks: mkdir error: ${error}`);
  });
  await mount(point, busybox, ["-t", "tmpfs", "-o", `rw,${size}`, "tmpfs", point]);
}

/** The runtime counts a MB as 10⁶ bytes and the kernel rounds up to pages; `mount` here counts it as 2²⁰. Both are the size asked for. */
function isSize(bytes: number | undefined, megabytes: number): boolean {
  return bytes !== undefined && bytes >= megabytes * 1_000_000 && bytes <= megabytes * 1024 * 1024;
}

function mountPoint(ramdisk: RamDisk): string {
  const point = posix.normalize(ramdisk.ram_disk_mount_point).replace(/(?<=.)\/+$/, "");
  if (!point.startsWith("/") || point === "/") {
    throw invalid("setup-ramdisk", `not a mount point for a ram disk: '${ramdisk.ram_disk_mount_point}'`);
  }
  return point;
}

async function mount(point: string, busybox: string, args: readonly string[]): Promise<void> {
  const { code, stderr } = await runTool([busybox, "mount", ...args]);
  if (code !== 0) throw internal("setup-ramdisk", `failed to add ram disks: mount error: ${point}: ${stderr.trim()}`);
}

/** Mounts in the order they were made; the last one at a point is the visible one. */
function parseMountInfo(text: string): readonly Mount[] {
  return text
    .split("\n")
    .filter((line) => line.includes(" - "))
    .map((line) => {
      const [before = "", after = ""] = line.split(" - ");
      const [type = "", , options = ""] = after.split(" ");
      const size = /(?:^|,)size=(\d+)k(?:,|$)/.exec(options)?.[1];
      return {
        point: unescapeOctal(before.split(" ")[4] ?? ""),
        type,
        ...(size === undefined ? {} : { sizeBytes: Number(size) * 1024 }),
      };
    });
}

const unescapeOctal = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_match, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
