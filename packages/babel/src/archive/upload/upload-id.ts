import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { readBounded, replaceFile } from "../../files/durable.ts";

const LIMIT = 64;
const fileIn = (folder: string): string => join(folder, "upload-id");

/**
 * What the API knows the uploads of a state folder by; made when one begins, and the same until it is published or given up. Two uploads of one
 * machine are two owners by it: neither gets the other's version. (D6-03)
 */
export async function uploadIdOf(folder: string): Promise<string> {
  const known = (await readBounded(fileIn(folder), LIMIT))?.toString("utf8");
  if (known !== undefined && /^[0-9a-f-]{36}$/.test(known)) return known;
  const id = randomUUID();
  await replaceFile(fileIn(folder), id);
  return id;
}

/** For when nothing is reserved by it any more. */
export const forgetUploadId = (folder: string): Promise<void> => rm(fileIn(folder), { force: true });
