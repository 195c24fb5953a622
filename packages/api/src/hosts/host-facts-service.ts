import type { Facts, HostFactsService } from "@blockvisor/wire/blockvisor/hosts/v1/facts";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { type Platform, write } from "../platform.ts";
import { invalidArgument, outOfRange } from "../rpc-error.ts";
import { text, uuid } from "../wire-fields.ts";

const longest = 128;
const mostRuntimes = 16;
const mostGpus = 64;
const mostHosts = 100;

/** Control characters, also those that turn the direction of text or are not to be seen at all: facts are shown on terminals and pages. */
const hidden = /[\p{C}\p{Zl}\p{Zp}]/u;

/** Kernel, container runtimes and graphics processors of hosts (spec host-daemon DB-10.7), which the contract has no fields for. */
export function hostFactsService(platform: Platform): ServiceImpl<typeof HostFactsService> {
  const { db } = platform;
  return {
    async reportFacts(request, context) {
      const hostId = uuid(request.hostId, "host_id");
      const facts = checkedFacts(request.facts);
      return write(platform, context, request, async (tx) => {
        await tx
          .insertInto("host_facts")
          .values({ host_id: hostId, ...facts })
          .onConflict((conflict) => conflict.column("host_id").doUpdateSet(facts))
          .execute();
        return {};
      });
    },

    async listFacts({ hostIds }) {
      if (hostIds.length > mostHosts) throw outOfRange("host_ids", `are more than ${mostHosts}`);
      if (hostIds.length === 0) return { hosts: [] };
      const rows = await db.selectFrom("host_facts").selectAll().where("host_id", "in", hostIds).execute();
      const byId = new Map(rows.map((row) => [row.host_id, row]));
      return {
        hosts: [...new Set(hostIds)].flatMap((id) => {
          const row = byId.get(id);
          if (row === undefined) return [];
          const { kernel, runtimes, gpus } = row;
          const facts = { kernel, runtimes: [...runtimes], gpus: [...gpus] };
          return [{ hostId: id, facts, reportedAt: timestampFromDate(row.reported_at) }];
        }),
      };
    },
  };
}

/** A host is not trusted: everything has its bounds. */
function checkedFacts(facts: Facts | undefined) {
  if (facts === undefined) throw invalidArgument("facts");
  if (facts.runtimes.length > mostRuntimes) throw outOfRange("facts.runtimes", `are more than ${mostRuntimes}`);
  if (facts.gpus.length > mostGpus) throw outOfRange("facts.gpus", `are more than ${mostGpus}`);
  return {
    kernel: shown(facts.kernel, "facts.kernel"),
    runtimes: JSON.stringify(
      facts.runtimes.map(({ program, version }) => ({
        program: shown(program, "facts.runtimes.program", 1),
        version: shown(version, "facts.runtimes.version"),
      })),
    ),
    gpus: JSON.stringify(
      facts.gpus.map(({ address, name }) => ({
        address: shown(address, "facts.gpus.address"),
        name: shown(name, "facts.gpus.name", 1),
      })),
    ),
    reported_at: new Date(),
  };
}

function shown(value: string, field: string, min = 0): string {
  text(value, field, { min, max: longest });
  if (hidden.test(value)) throw invalidArgument(field, "has characters that are not to be shown");
  return value;
}
