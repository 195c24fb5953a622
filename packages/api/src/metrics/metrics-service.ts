import type { HostMetrics, MetricsService } from "@blockvisor/wire/blockjoy/v1/metrics";
import type { ServiceImpl } from "@connectrpc/connect";
import { Code, ConnectError } from "@connectrpc/connect";
import { callerOf } from "../auth/caller.ts";
import { publishHostUpdated } from "../hosts/host-status.ts";
import { type Platform, transact } from "../platform.ts";
import { invalidArgument } from "../rpc-error.ts";
import { uuid } from "../wire-fields.ts";
import { storeNodeMetrics } from "./node-metrics.ts";

const mostNodes = 5000;
/** Consoles are told about new figures of one subject at most so often (CA-2.61). */
const publishEveryMs = 10_000;

/** Spec §2.11: what hosts measure. Only the host itself may say it (CA-1.12). */
export function metricsService(platform: Platform): ServiceImpl<typeof MetricsService> {
  const published = new Map<string, number>();
  const due = (id: string): boolean => {
    const now = Date.now();
    if (now - (published.get(id) ?? 0) < publishEveryMs) return false;
    published.delete(id);
    published.set(id, now);
    for (const oldest of published.keys()) {
      if (published.size <= 100_000) break;
      published.delete(oldest);
    }
    return true;
  };

  return {
    async host({ metrics }) {
      if (metrics === undefined) throw invalidArgument("metrics");
      const hostId = uuid(metrics.hostId, "metrics.host_id");
      await transact(platform, async (tx) => {
        const host = await tx
          .selectFrom("hosts")
          .select("metrics")
          .where("id", "=", hostId)
          .forUpdate()
          .executeTakeFirst();
        await tx
          .updateTable("hosts")
          .set({ metrics: JSON.stringify({ ...host?.metrics, ...figures(metrics) }), metrics_at: new Date() })
          .where("id", "=", hostId)
          .execute();
        if (due(hostId)) await publishHostUpdated(tx, hostId);
      });
      return {};
    },

    async node(request, context) {
      const { resource } = callerOf(context);
      if (request.metrics.length > mostNodes) throw invalidArgument("metrics", `has more than ${mostNodes} nodes`);
      const missing = await transact(platform, (tx) => storeNodeMetrics(tx, request.metrics, resource, due));
      // What could be stored is stored; the host still learns that it runs something nobody knows.
      if (missing) throw new ConnectError("Not found.", Code.NotFound);
      return {};
    },
  };
}

function figures(metrics: HostMetrics): Readonly<Record<string, string | number>> {
  const { hostId: _host, usedIps: _ips, $typeName: _type, $unknown: _unknown, ...values } = metrics;
  const known = Object.entries(values).filter((entry): entry is [string, bigint | number] => entry[1] !== undefined);
  for (const [name, value] of known) {
    if (typeof value === "number" && !Number.isFinite(value)) throw invalidArgument(`metrics.${name}`);
  }
  return Object.fromEntries(known.map(([name, value]) => [name, typeof value === "bigint" ? value.toString() : value]));
}
