import { create, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { sql } from "kysely";
import type { Logger } from "pino";
import type { Broker } from "../broker/broker.ts";
import type { Database } from "../database/open-database.ts";

const batch = 200;
/** A replica that died while publishing holds its claim for so long. */
const claimSeconds = 30;
const sweepMs = 5_000;

/**
 * Messages to hosts and consoles, written in the transaction that causes them and published after it (CA-0.1): at least
 * once, in order, whatever happens between commit and publish.
 */
export interface Outbox {
  /** Tells that a transaction with messages was committed. */
  wake(): void;
  close(): Promise<void>;
}

/** Adds a message to the current transaction. */
export async function publish<Schema extends DescMessage>(
  tx: Database,
  topics: readonly string[],
  schema: Schema,
  message: MessageInitShape<Schema>,
): Promise<void> {
  const payload = toBinary(schema, create(schema, message));
  await tx
    .insertInto("outbox")
    .values(topics.map((topic) => ({ topic, payload })))
    .execute();
}

export function startOutbox(db: Database, broker: Broker, log: Logger): Outbox {
  let running: Promise<void> | undefined;
  let again = false;
  let closed = false;

  const drain = async () => {
    for (;;) {
      const rows = await claim(db);
      if (rows.length === 0) return;
      let sent = 0;
      try {
        for (const row of rows) {
          await broker.publish(row.topic, row.payload);
          sent += 1;
        }
      } finally {
        await settle(db, rows.slice(0, sent), rows.slice(sent));
      }
    }
  };
  const wake = () => {
    if (closed) return;
    if (running !== undefined) {
      again = true;
      return;
    }
    again = false;
    running = drain()
      .catch((error: unknown) => log.warn({ error: String(error) }, "messages could not be published; they are kept"))
      .finally(() => {
        running = undefined;
        if (again) wake();
      });
  };
  const sweep = setInterval(wake, sweepMs);
  wake();
  return {
    wake,
    async close() {
      closed = true;
      clearInterval(sweep);
      await running;
    },
  };
}

async function claim(db: Database) {
  const rows = await db
    .updateTable("outbox")
    .set({ claimed_at: sql<Date>`now()` })
    .where("sequence", "in", (free) =>
      free
        .selectFrom("outbox")
        .select("sequence")
        .where((row) =>
          row.or([
            row("claimed_at", "is", null),
            row("claimed_at", "<", sql<Date>`now() - make_interval(secs => ${sql.lit(claimSeconds)})`),
          ]),
        )
        .orderBy("sequence")
        .limit(batch)
        .forUpdate()
        .skipLocked(),
    )
    .returning(["sequence", "topic", "payload"])
    .execute();
  return rows.sort((left, right) => (left.sequence < right.sequence ? -1 : 1));
}

/** Forgets what was sent; gives back what was not, so that it is next, whoever sends it. */
async function settle(
  db: Database,
  sent: readonly { readonly sequence: bigint }[],
  unsent: readonly { readonly sequence: bigint }[],
): Promise<void> {
  const numbers = (rows: readonly { readonly sequence: bigint }[]) => rows.map((row) => row.sequence);
  if (sent.length > 0) await db.deleteFrom("outbox").where("sequence", "in", numbers(sent)).execute();
  if (unsent.length === 0) return;
  await db.updateTable("outbox").set({ claimed_at: null }).where("sequence", "in", numbers(unsent)).execute();
}
