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

/**
 * One that cannot be read is put together again from the state beside it: data that is complete must not be touched, data that is not must be completed.
 * (D4-20)
 */
export async function readClientRecord(
  state: StateFolder,
  service: { readonly name: string; readonly store_key: string },
  log: (line: string) => void,
): Promise<ClientRecord | undefined> {
  const text = await readBounded(fileOf(state), LIMIT);
  if (text === undefined) return undefined;
  const record = parsed(text.toString("utf8"));
  if (record !== undefined) return record;
  log(`${fileOf(state)} cannot be read; the state beside it decides`);
  const plan = await state.plan();
  if (plan === undefined) return undefined;
  return {
    client: service.name,
    store_key: service.store_key,
    data_version: plan.dataVersion,
    total_size: plan.header.totalSize,
    state: state.isIncomplete() ? "in_progress" : "complete",
  };
}

function parsed(text: string): ClientRecord | undefined {
  try {
    const record = JSON.parse(text) as ClientRecord | null;
    return ["absent", "in_progress", "complete"].includes(record?.state ?? "") ? (record ?? undefined) : undefined;
  } catch {
    return undefined;
  }
}

export async function writeClientRecord(state: StateFolder, record: ClientRecord): Promise<void> {
  await ensureFolder(state.path);
  await replaceFile(fileOf(state), JSON.stringify(record));
}
