import { lstatSync, readdirSync } from "node:fs";

/** A device of the machine, as the OCI runtime specification has it. */
interface HostDevice {
  readonly path: string;
  readonly type: "b" | "c";
  readonly major: number;
  readonly minor: number;
  readonly fileMode: number;
  readonly uid: number;
  readonly gid: number;
}

/** What a container has a /dev of its own for. */
const OWN = new Set(["pts", "shm", "mqueue", "console", "ptmx"]);

/** Everything in /dev that programs work with, as far as a privileged container lacks it. */
export function hostDevices(folder = "/dev"): readonly HostDevice[] {
  return readdirSync(folder).flatMap((name): readonly HostDevice[] => {
    if (folder === "/dev" && OWN.has(name)) return [];
    const path = `${folder}/${name}`;
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat?.isDirectory()) return hostDevices(path);
    if (!stat || !(stat.isBlockDevice() || stat.isCharacterDevice())) return [];
    const { rdev, mode, uid, gid } = stat;
    const major = Number((BigInt(rdev) >> 8n) & 0xfffn);
    const minor = Number((BigInt(rdev) & 0xffn) | ((BigInt(rdev) >> 12n) & 0xfff00n));
    return [{ path, type: stat.isBlockDevice() ? "b" : "c", major, minor, fileMode: mode & 0o7777, uid, gid }];
  });
}
