import { readdirSync, readFileSync, realpathSync } from "node:fs";
import { basename, join } from "node:path";

/** A graphics processor that can compute. */
export interface Gpu {
  /** On the PCI bus, `0000:01:00.0`. */
  readonly address: string;
  /** Its model where the driver tells it, else `vendor:device`. */
  readonly name: string;
}

/** What the kernel has a driver for (host-daemon DB-10.7); `root` holds `sys` and `proc`. */
export function gpus(root = "/"): readonly Gpu[] {
  const found = new Map<string, string>();
  const devices = join(root, "sys/class/drm");
  for (const name of names(devices).filter((entry) => /^renderD\d+$/.test(entry))) {
    const device = join(devices, name, "device");
    const [vendor, id] = [text(join(device, "vendor")), text(join(device, "device"))].map((code) => code.slice(2));
    if (vendor && id) found.set(basename(realpathSync(device)), `${vendor}:${id}`);
  }
  // NVIDIA's driver has cards of its own, with or without the kernel's.
  const nvidia = join(root, "proc/driver/nvidia/gpus");
  for (const address of names(nvidia)) {
    const model = /^Model:\s*(.+)$/m.exec(text(join(nvidia, address, "information")))?.[1];
    found.set(address, model ?? found.get(address) ?? "NVIDIA");
  }
  return [...found].map(([address, name]) => ({ address, name })).sort((a, b) => (a.address < b.address ? -1 : 1));
}

function names(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function text(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return "";
  }
}
