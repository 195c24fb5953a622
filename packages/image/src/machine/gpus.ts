import { readdir, readFile, realpath } from "node:fs/promises";
import { basename, join } from "node:path";

/** A graphics processor that can compute. */
export interface Gpu {
  /** On the PCI bus, `0000:01:00.0`. */
  readonly address: string;
  /** Its model where the driver tells it, else `vendor:device`. */
  readonly name: string;
}

/** What the kernel has a driver for (host-daemon DB-10.7); `root` holds `sys` and `proc`. */
export async function gpus(root = "/"): Promise<readonly Gpu[]> {
  const found = new Map<string, string>();
  const devices = join(root, "sys/class/drm");
  for (const name of (await names(devices)).filter((entry) => /^renderD\d+$/.test(entry))) {
    const device = join(devices, name, "device");
    const codes = await Promise.all([text(join(device, "vendor")), text(join(device, "device"))]);
    const [vendor, id] = codes.map((code) => code.slice(2));
    if (vendor && id) found.set(basename(await realpath(device)), `${vendor}:${id}`);
  }
  // NVIDIA's driver has cards of its own, with or without the kernel's.
  const nvidia = join(root, "proc/driver/nvidia/gpus");
  for (const address of await names(nvidia)) {
    const model = /^Model:\s*(.+)$/m.exec(await text(join(nvidia, address, "information")))?.[1];
    found.set(address, model ?? found.get(address) ?? "NVIDIA");
  }
  return [...found].map(([address, name]) => ({ address, name })).sort((a, b) => (a.address < b.address ? -1 : 1));
}

const names = (folder: string): Promise<readonly string[]> => readdir(folder).catch(() => []);

const text = (file: string): Promise<string> =>
  readFile(file, "utf8").then(
    (content) => content.trim(),
    () => "",
  );
