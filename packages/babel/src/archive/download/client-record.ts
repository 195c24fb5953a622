import { join } from "node:path";
import { ensureFolder, readBounded, replaceFile } from "../../files/durable.ts";
import type { StateFolder } from "./state-folder.ts";

/** What became of one client's archive; outlives upgrades of the node. (D4-14) */
export type ClientRecord = {
  readonly client: string;
  readonly store_key: string;
  readonly data_version: number;
  readonly total_size: number;
  readonly state: "absent" | "in_progress" | "complete";
};

const LIMIT = 64 * 1024;
const fileOf = (state: StateFolder): string => join(state.path, "client.json");

/** A record that cannot be read says that there was one: what it is about is not touched. */
export async function readClientRecord(state: StateFolder): Promise<ClientRecord | undefined> {
  const text = await readBounded(fileOf(state), LIMIT);
  return text === undefined ? undefined : (JSON.parse(text.toString("utf8")) as ClientRecord);
}

export async function writeClientRecord(state: StateFolder, record: ClientRecord): Promise<void> {
  await ensureFolder(state.path);
  await replaceFile(fileOf(state), JSON.stringify(record));
}
