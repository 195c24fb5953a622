import type { Host } from "@blockvisor/wire/blockjoy/v1/host";
import { type HostFacts, HostFactsService } from "@blockvisor/wire/blockvisor/hosts/v1/facts";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { Api, ApiFailure } from "../../../cloud/api.ts";
import { readCredentials } from "../../../cloud/credentials.ts";
import type { Call } from "../../../command/verb.ts";
import { bytesText } from "../../../output/bytes.ts";
import type { ListOptions } from "../verbs.ts";

/** Of how many hosts the control plane tells facts at a time. */
const factsAtOnce = 100;

/** `bv host list`: what hosts told of their machines (host-daemon DB-10.7), as the user that is logged in. */
export async function hostList({ out, options }: Call<ListOptions, []>): Promise<void> {
  const { url, token } = readCredentials(out);
  using api = new Api(out, url, token);
  const orgIds = options.org === undefined ? [] : [options.org];
  const request = { orgIds, limit: BigInt(options.number) };
  const { hosts, total } = await api.call("HostService/ListHosts", () => api.hosts.listHosts(request));
  const facts = await factsOf(api, hosts);
  const views = hosts.map((host) => hostView(host, facts.get(host.hostId)));
  if (views.length === 0) out.line("No hosts found.");
  else {
    out.table(
      [
        { title: "Id", value: ({ id }) => id, colour: "cyan" },
        { title: "Name", value: ({ name }) => name },
        { title: "System", value: ({ os, os_version }) => `${os} ${os_version}` },
        { title: "Kernel", value: ({ kernel }) => kernel ?? "-" },
        { title: "Cores", value: ({ cpu_count }) => String(cpu_count), align: "right" },
        { title: "Memory", value: ({ memory_bytes }) => bytesText(memory_bytes), align: "right" },
        { title: "Disk", value: ({ disk_bytes }) => bytesText(disk_bytes), align: "right" },
        { title: "Nodes", value: ({ nodes }) => String(nodes), align: "right" },
        { title: "Version", value: ({ version }) => version },
        {
          title: "Runtimes",
          value: (row) => row.runtimes?.map((one) => `${one.program} ${one.version}`).join(", ") || "-",
        },
        { title: "GPUs", value: ({ gpus }) => gpus?.map(({ name }) => name).join(", ") || "-" },
      ],
      views,
    );
    if (views.length < total) out.line(`${views.length} of ${total}; --number shows more`);
  }
  out.document({ total: Number(total), hosts: views });
}

/** A control plane that has no place for facts, as the reference's, has the hosts all the same. */
async function factsOf(api: Api, hosts: readonly Host[]): Promise<ReadonlyMap<string, HostFacts>> {
  const ids = hosts.map(({ hostId }) => hostId);
  const found = new Map<string, HostFacts>();
  try {
    for (let from = 0; from < ids.length; from += factsAtOnce) {
      const request = { hostIds: ids.slice(from, from + factsAtOnce) };
      const page = await api.call("HostFactsService/ListFacts", () => api.client(HostFactsService).listFacts(request));
      for (const one of page.hosts) found.set(one.hostId, one);
    }
  } catch (error) {
    if (!(error instanceof ApiFailure) || error.code !== Code.Unimplemented) throw error;
  }
  return found;
}

function hostView(host: Host, told: HostFacts | undefined) {
  return {
    id: host.hostId,
    name: host.displayName ?? host.networkName,
    hostname: host.networkName,
    org_id: host.orgId ?? null,
    region: host.region?.regionKey ?? null,
    ip: host.ipAddress,
    os: host.os,
    os_version: host.osVersion,
    kernel: told?.facts?.kernel ?? null,
    cpu_count: Number(host.cpuCores),
    memory_bytes: Number(host.memoryBytes),
    disk_bytes: Number(host.diskBytes),
    nodes: Number(host.nodeCount),
    version: host.bvVersion,
    runtimes: told?.facts?.runtimes.map(({ program, version }) => ({ program, version })) ?? null,
    gpus: told?.facts?.gpus.map(({ address, name }) => ({ address, name })) ?? null,
    facts_reported_at: told?.reportedAt ? timestampDate(told.reportedAt).toISOString() : null,
  };
}
