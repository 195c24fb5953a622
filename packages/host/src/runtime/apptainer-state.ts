import { chmod, chown, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { writeForThisBoot } from "../durable/index.ts";
import { seccompProfile } from "./seccomp-profile.ts";

/** What Apptainer finds in its folder of a node, besides its own state. */
export const SECCOMP_FILE = "seccomp.json";
export const EMPTY_FOLDER = "empty";

/** Makes the folder, as that of who will run Apptainer. */
export async function prepareState(folder: string, owner = 0): Promise<void> {
  await mkdir(join(folder, EMPTY_FOLDER), { recursive: true, mode: 0o700 });
  await chmod(join(folder, EMPTY_FOLDER), 0o755);
  await writeSeccompProfile(folder);
  await chown(folder, owner, owner);
}

/** An Apptainer that is starting finds all of it, the one that was there or this. */
export async function writeSeccompProfile(folder: string): Promise<void> {
  await writeForThisBoot(join(folder, SECCOMP_FILE), JSON.stringify(seccompProfile("apptainer")), 0o644);
}
