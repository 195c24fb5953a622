import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { release } from "node:os";
import { join } from "node:path";
import { stateDirectory } from "../../../place/root.ts";
import { error, type Finding, ok, type Patient, warning } from "../finding.ts";
import { attempt } from "../trial.ts";
import { nearestDirectory } from "./disk.ts";

/** Overlay mounts with the features nodes use, and pressure information, are there from here on. */
const oldest = [5, 10] as const;
const controllers = ["cpu", "cpuset", "memory", "pids"] as const;

export async function checkKernel(patient: Patient): Promise<readonly Finding[]> {
  return [version(), privileges(), ...cgroups(), pressure(), await overlay(patient)];
}

function version(): Finding {
  const [major = 0, minor = 0] = release().split(".").map(Number);
  const known = `Linux ${release()}`;
  if (major > oldest[0] || (major === oldest[0] && minor >= oldest[1])) return ok("kernel", known);
  return warning("kernel", `${known} is older than ${oldest.join(".")}`, "install a newer kernel");
}

function privileges(): Finding {
  if (process.getuid?.() === 0) return ok("root", "bv doctor runs as root and can try everything");
  return warning("root", "without root some checks cannot be made, and fail", "run it as root: sudo bv doctor");
}

/** Version 1, version 2 or both: what counts is that each controller is somewhere. */
function cgroups(): readonly Finding[] {
  const mounts = mountTable();
  const unified = mounts.find(({ type }) => type === "cgroup2")?.point;
  const first = mounts.filter(({ type }) => type === "cgroup");
  const inSecond = unified ? (readText(join(unified, "cgroup.controllers")) ?? "").trim().split(/\s+/) : [];
  const inFirst = first.flatMap(({ options }) => options.split(","));
  const missing = controllers.filter((name) => !inSecond.includes(name) && !inFirst.includes(name));
  const layout =
    first.length === 0 ? "version 2" : unified ? "hybrid (version 1 with version 2 beside it)" : "version 1";
  if (first.length === 0 && !unified) {
    return [error("cgroups", "no control groups are mounted", "mount -t cgroup2 none /sys/fs/cgroup")];
  }
  if (missing.length > 0) {
    const fix = "boot with systemd.unified_cgroup_hierarchy=1, and cgroup_enable=memory where the kernel wants it";
    return [error("cgroups", `${layout}, without ${missing.join(", ")}: nodes cannot be limited`, fix)];
  }
  const hasDisk = inSecond.includes("io") || inFirst.includes("blkio");
  const found = [ok("cgroups", `${layout}, with ${controllers.join(", ")}`), diskShare(hasDisk)];
  if (unified) return found;
  const told = "without version 2 the firewall does not bind nodes on the host's network";
  return [...found, warning("cgroup2", told, "boot with systemd.unified_cgroup_hierarchy=1")];
}

/** Who gets how much of a disk that has too little for all nodes. */
function diskShare(hasController: boolean): Finding {
  if (!hasController) {
    const told = "the kernel has no control group for disks: what nodes read and write is neither weighed nor counted";
    return warning("disk-share", told, "use a kernel with CONFIG_BLK_CGROUP");
  }
  const { dev } = statSync(nearestDirectory(stateDirectory()));
  // Of a partition the disk that it is on; what is made of disks has no scheduler of its own.
  const device = `/sys/dev/block/${(dev >> 8) & 0xfff}:${(dev & 0xff) | ((dev >> 12) & 0xfff00)}`;
  const scheduler = ["queue", "../queue"].map((queue) => readText(`${device}/${queue}/scheduler`)).find(Boolean);
  if (scheduler?.includes("[bfq]")) return ok("disk-share", "nodes share the disk by their size (cores)");
  return ok("disk-share", "disks whose scheduler is bfq are shared by the size of nodes (cores), others evenly");
}

function pressure(): Finding {
  if (readText("/proc/pressure/cpu") !== undefined) return ok("pressure", "the kernel counts what nodes wait for");
  return warning("pressure", "the kernel does not count what nodes wait for", "boot with psi=1");
}

/** An overlay is really mounted where nodes have theirs: some file systems cannot carry one. */
async function overlay({ signal }: Patient): Promise<Finding> {
  const place = nearestDirectory(stateDirectory());
  let trial: string;
  try {
    trial = mkdtempSync(join(place, ".doctor-"));
  } catch {
    return warning("overlay", `could not be tried: ${place} is not writable`, "see the check `disk`");
  }
  try {
    for (const name of ["lower", "upper", "work", "merged"]) mkdirSync(join(trial, name));
    const folders = ["lower", "upper", "work"].map((name) => `${name}dir=${join(trial, name)}`).join(",");
    const merged = join(trial, "merged");
    const mounted = await attempt("mount", ["-t", "overlay", "overlay", "-o", folders, merged], signal);
    if (mounted.worked) {
      await attempt("umount", [merged], signal);
      return ok("overlay", `mounts below ${place}`);
    }
    const fix = existsSync("/sys/module/overlay")
      ? "keep /var/lib/blockvisor on ext4 or xfs (with ftype=1); nodes work with full copies of their images meanwhile"
      : "modprobe overlay; nodes work with full copies of their images meanwhile";
    return warning("overlay", `does not mount below ${place}: ${mounted.reason}`, fix);
  } finally {
    rmSync(trial, { recursive: true, force: true });
  }
}

function mountTable() {
  return (readText("/proc/self/mounts") ?? "").split("\n").map((line) => {
    const [, point = "", type = "", options = ""] = line.split(" ");
    return { point, type, options };
  });
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
