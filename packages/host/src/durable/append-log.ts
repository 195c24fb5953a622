import { open, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { crc32 } from "node:zlib";
import { failpoint } from "./failpoint.ts";
import { syncDirectory } from "./write-durable.ts";

/**
 * Appends one JSON record as a line `crc32 json` and resolves when it is on disk.
 * A torn last line (crash while appending) is cut off by the next append and ignored by `readRecords`.
 * One writer at a time per file.
 */
export async function appendDurable(path: string, record: unknown): Promise<void> {
  const file = await open(path, "a+", 0o600);
  try {
    const { size } = await file.stat();
    const existing = size === 0 ? Buffer.alloc(0) : await readFile(path);
    const complete = existing.lastIndexOf(0x0a) + 1;
    if (complete !== size) await file.truncate(complete);
    const json = JSON.stringify(record);
    await file.appendFile(`${checksum(json)} ${json}\n`);
    failpoint("durable.appended");
    await file.sync();
    if (size === 0) await syncDirectory(dirname(path));
  } finally {
    await file.close();
  }
}

/** All intact records in order, stopping at the first damaged line; a missing file has none. */
export async function readRecords(path: string): Promise<unknown[]> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  const records: unknown[] = [];
  const lines = text.split("\n");
  for (const line of lines.slice(0, -1)) {
    const json = line.slice(9);
    if (line.slice(0, 8) !== checksum(json)) break;
    records.push(JSON.parse(json));
  }
  return records;
}

function checksum(json: string): string {
  return crc32(json).toString(16).padStart(8, "0");
}
