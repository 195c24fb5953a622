import { sql } from "kysely";
import { publishCommand } from "./commands/add-command.ts";
import type { Database } from "./database/open-database.ts";
import { setConnection } from "./hosts/host-status.ts";
import { type Platform, transact } from "./platform.ts";

const everyMs = 5_000;
const cleanUpEveryMs = 10 * 60_000;
/** Hosts report every half minute; one that was silent for so long is gone, whatever its last message said (CA-3.12). */
const silentSeconds = 120;

/** The work nobody calls for: due retries, hosts that fell silent, rows that have served their time. */
export function startCaretaker(platform: Platform): { close(): Promise<void> } {
  let running: Promise<void> | undefined;
  let cleanedAt = 0;
  const round = async () => {
    await transact(platform, wakeForDueRetries);
    await transact(platform, markSilentHosts);
    if (Date.now() - cleanedAt < cleanUpEveryMs) return;
    cleanedAt = Date.now();
    await transact(platform, removeExpired);
  };
  const start = () => {
    running ??= round()
      .catch((error: unknown) => platform.log.warn({ error: String(error) }, "caretaker round failed"))
      .finally(() => {
        running = undefined;
      });
  };
  const timer = setInterval(start, everyMs);
  // An embedded broker starts without connections, so nobody is online until it says so again.
  running = (platform.broker.kind === "embedded" ? transact(platform, markAllOffline) : Promise.resolve())
    .catch((error: unknown) => platform.log.warn({ error: String(error) }, "hosts not marked offline"))
    .finally(() => {
      running = undefined;
    });
  return {
    async close() {
      clearInterval(timer);
      await running;
    },
  };
}

async function markAllOffline(tx: Database): Promise<void> {
  await tx
    .updateTable("hosts")
    .set({ connection_status: "offline" })
    .where("connection_status", "=", "online")
    .execute();
}

async function wakeForDueRetries(tx: Database): Promise<void> {
  const due = await tx
    .updateTable("commands")
    .set({ not_before: null })
    .where("exit_code", "is", null)
    .where("not_before", "<=", new Date())
    .returningAll()
    .execute();
  for (const row of due) await publishCommand(tx, row);
}

async function markSilentHosts(tx: Database): Promise<void> {
  const silent = await tx
    .selectFrom("hosts")
    .select("id")
    .where("connection_status", "=", "online")
    .where("metrics_at", "<", sql<Date>`now() - make_interval(secs => ${sql.lit(silentSeconds)})`)
    .execute();
  for (const { id } of silent) await setConnection(tx, id, false);
}

async function removeExpired(tx: Database): Promise<void> {
  const before = (days: number) => new Date(Date.now() - days * 24 * 3600_000);
  await tx.deleteFrom("idempotency").where("created_at", "<", before(1)).execute();
  await tx.deleteFrom("commands").where("completed_at", "<", before(90)).execute();
  await tx.deleteFrom("node_reports").where("created_at", "<", before(90)).execute();
  await tx.deleteFrom("node_logs").where("created_at", "<", before(365)).execute();
  await tx.deleteFrom("sessions").where("expires_at", "<", before(30)).execute();
}
