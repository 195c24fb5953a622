import { createHash, randomBytes, randomUUID } from "node:crypto";
import { chmod, link, mkdir, open, readFile, rm, stat } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";

/** The keys of an installation. Losing them makes every stored secret unreadable and ends every session. */
export interface Keys {
  /** signs access tokens */
  readonly access: Uint8Array;
  /** signs refresh tokens; a different key, so that one kind can never pass for the other */
  readonly refresh: Uint8Array;
  /** encrypts secrets at rest (AES-256) */
  readonly master: Uint8Array;
}

const minimumBytes = 32;
const fileSchema = z.strictObject({
  version: z.literal(1),
  access: z.string(),
  refresh: z.string(),
  master: z.string(),
});

/** Reads the key file, or makes it (0600, durable) when it does not exist yet. */
export async function loadKeys(file: string): Promise<Keys> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) {
    await createKeyFile(file);
    return loadKeys(file);
  }
  if (((await stat(file)).mode & 0o077) !== 0) await chmod(file, 0o600);
  const parsed = fileSchema.safeParse(parseJson(text));
  if (!parsed.success) throw new Error(`The key file ${file} is damaged; restore it from a backup.`);
  const keys = {
    access: Buffer.from(parsed.data.access, "base64"),
    refresh: Buffer.from(parsed.data.refresh, "base64"),
    master: Buffer.from(parsed.data.master, "base64"),
  };
  if (Object.values(keys).some((key) => key.length < minimumBytes)) {
    throw new Error(`The key file ${file} has a key shorter than ${minimumBytes} bytes; make it anew or restore it.`);
  }
  return { ...keys, master: keys.master.subarray(0, minimumBytes) };
}

/** Identifies the master key without revealing it, so that a database is never opened with another one. */
export const fingerprint = (master: Uint8Array): string =>
  createHash("sha256").update("blockvisor master key").update(master).digest("hex").slice(0, 16);

async function createKeyFile(file: string): Promise<void> {
  const directory = path.dirname(file);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const key = () => randomBytes(64).toString("base64");
  const content = { version: 1, access: key(), refresh: key(), master: randomBytes(32).toString("base64") };
  const temporary = `${file}.${randomUUID()}.new`;
  const handle = await open(temporary, "w", 0o600);
  try {
    await handle.writeFile(`${JSON.stringify(content)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  // A link, not a rename: of two processes that start together only one makes the file.
  await link(temporary, file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
  await rm(temporary, { force: true });
  const folder = await open(directory, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
