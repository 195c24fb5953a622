import { closeSync, fsyncSync, openSync, rmSync, statfsSync, statSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { reason, systemCode } from "../../../failure/failure.ts";
import { gigabytes } from "../../../output/size.ts";
import { stateDirectory } from "../../../place/root.ts";
import { error, type Finding, ok, warning } from "../finding.ts";

const leastBytes = 1_000_000_000;
const leastFree = 0.05;
const trialBytes = 64 * 1024;

/** Where nodes live: whether it can be written, and what room there is. */
export function checkDisk(): readonly Finding[] {
  const place = nearestDirectory(stateDirectory());
  return [writable(place), space(place), files(place)];
}

/** The directory itself, or the nearest one above that exists. */
export function nearestDirectory(path: string): string {
  for (let place = path; ; place = dirname(place)) {
    if (statSync(place, { throwIfNoEntry: false })?.isDirectory() || place === dirname(place)) return place;
  }
}

/** Permission bits say little to root: only writing tells about full disks and read-only mounts. */
function writable(place: string): Finding {
  const trial = join(place, `.doctor-${process.pid}`);
  try {
    const file = openSync(trial, "wx", 0o600);
    try {
      if (writeSync(file, Buffer.alloc(trialBytes)) < trialBytes) throw new Error("the disk takes no more");
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    return ok("disk", `${place} can be written`);
  } catch (failure) {
    return error("disk", `${place} cannot be written: ${reason(failure)}`, writeFix(systemCode(failure), place));
  } finally {
    rmSync(trial, { force: true });
  }
}

function writeFix(code: string | undefined, place: string): string {
  switch (code) {
    case "EROFS":
      return `it is mounted read-only: see dmesg for disk errors, then mount -o remount,rw ${place}`;
    case "ENOSPC":
    case "EDQUOT":
      return "make room: `bv node list` shows what is there, `bv node delete` removes nodes";
    default:
      return `let root own and write it: chown root:root ${place} && chmod 700 ${place}`;
  }
}

function space(place: string): Finding {
  const { blocks, bavail, bsize } = statfsSync(place);
  const [total, free] = [blocks * bsize, bavail * bsize];
  const told = `${gigabytes(free)} of ${gigabytes(total)} are free at ${place}`;
  const fix = "make room, or move data of nodes to another disk: bv node move-data";
  if (free < leastBytes) return error("disk-space", told, fix);
  return free < total * leastFree ? warning("disk-space", told, fix) : ok("disk-space", told);
}

/** Thousands of small files fill a file system before its bytes do. */
function files(place: string): Finding {
  const { files: total, ffree } = statfsSync(place);
  if (total === 0 || ffree >= total * leastFree) return ok("disk-files", "there is room for more files");
  return error(
    "disk-files",
    `only ${ffree} more files fit at ${place}`,
    "remove files, or use a file system with more inodes",
  );
}
