import { randomUUID } from "node:crypto";
import { HostConnectionStatus, HostStatusSchema } from "@blockvisor/wire/blockjoy/common/v1/host";
import { CommandSchema } from "@blockvisor/wire/blockjoy/v1/command";
import { HostMessageSchema } from "@blockvisor/wire/blockjoy/v1/event";
import { fromBinary } from "@bufbuild/protobuf";
import { type OnHostStatus, topics } from "../broker/broker.ts";
import type { Database } from "../database/open-database.ts";
import { publish } from "../outbox/outbox.ts";
import { type Platform, transact } from "../platform.ts";
import { resourceMessage } from "../resource.ts";
import { hostMessages } from "./host-message.ts";

export interface HostStatusHandler {
  readonly receive: OnHostStatus;
  /** Resolves when everything received so far is stored. */
  settled(): Promise<void>;
}

/** Hosts say over MQTT that they are online; their last will says that they are not (spec §3.7). */
export function hostStatusHandler(platform: Platform): HostStatusHandler {
  let last = Promise.resolve();
  return {
    receive(hostId, payload) {
      const online = readStatus(hostId, payload);
      if (online === undefined) return;
      // One after the other: "online" right after "offline" must not be stored in the wrong order.
      last = last
        .then(() => transact(platform, (tx) => setConnection(tx, hostId, online)))
        .catch((error: unknown) => platform.log.warn({ hostId, error: String(error) }, "host status not stored"));
    },
    settled: () => last,
  };
}

function readStatus(hostId: string, payload: Uint8Array): boolean | undefined {
  try {
    const status = fromBinary(HostStatusSchema, payload);
    if (status.hostId !== hostId) return undefined;
    if (status.connectionStatus === HostConnectionStatus.ONLINE) return true;
    return status.connectionStatus === HostConnectionStatus.OFFLINE ? false : undefined;
  } catch {
    return undefined;
  }
}

/** Stores it and, when a host comes back to open commands, wakes it up; that takes no row of its own (CA-3.9). */
export async function setConnection(tx: Database, hostId: string, online: boolean): Promise<void> {
  const status = online ? "online" : "offline";
  const row = await tx
    .updateTable("hosts")
    .set({ connection_status: status, updated_at: new Date(), ...(online ? { metrics_at: null } : {}) })
    .where("id", "=", hostId)
    .returning("id")
    .executeTakeFirst();
  if (row === undefined) return;
  await publishHostUpdated(tx, hostId);
  if (!online) return;
  const open = await tx
    .selectFrom("commands")
    .select("id")
    .where("host_id", "=", hostId)
    .where("exit_code", "is", null)
    .limit(1)
    .executeTakeFirst();
  if (open === undefined) return;
  await publish(tx, [topics.hostCommands(hostId)], CommandSchema, {
    commandId: randomUUID(),
    command: { case: "host", value: { hostId, command: { case: "pending", value: {} } } },
  });
}

export async function publishHostUpdated(tx: Database, hostId: string): Promise<void> {
  const [host] = await hostMessages(tx, [hostId], { withCost: false });
  if (host === undefined) return;
  await publish(tx, topics.host(hostId), HostMessageSchema, {
    message: { case: "updated", value: { host, updatedBy: resourceMessage({ kind: "host", id: hostId }) } },
  });
}
