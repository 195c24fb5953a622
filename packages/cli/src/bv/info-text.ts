import type { HostInfoJson, HostSubnetJson } from "@blockvisor/wire/blockvisor/host/v1/host";

const statusWords: Readonly<Record<string, string>> = {
  SERVICE_STATUS_STARTING: "Starting",
  SERVICE_STATUS_OK: "Ok",
  SERVICE_STATUS_UPDATING: "Updating",
  SERVICE_STATUS_BROKEN: "Broken",
};

function serviceStatusWord(info: HostInfoJson): string {
  return statusWords[info.status ?? ""] ?? "Undefined";
}

/** One word, and whether there is more to be read below it (host-daemon DB-3.8). */
function headline(info: HostInfoJson): string {
  const word = serviceStatusWord(info);
  const problems = (info.conditions ?? []).filter(({ ok }) => ok !== true);
  return word === "Ok" && problems.length > 0 ? "Ok, with problems" : word;
}

/** The daemon in a few lines: what it is, how it is doing, its configuration without secrets (host-daemon §2.2). */
export function infoText(info: HostInfoJson): string {
  const lines = [
    `${info.name ?? "blockvisord"} ${info.version ?? ""} - ${headline(info)}`,
    `BV_PATH:      ${info.root ?? ""}`,
    `BABEL_PATH:   ${info.agentDir ?? ""}`,
    `nodes:        ${info.nodesRunning ?? 0} of ${info.nodesTotal ?? 0} running`,
    ...(info.conditions ?? []).map(
      ({ name, ok, message }) =>
        `${`${name ?? ""}:`.padEnd(13)} ${ok ? "ok" : "not ok"}${message ? `, ${message}` : ""}`,
    ),
    `CONFIG:       ${shortConfig(info.configJson)}`,
  ];
  return lines.join("\n");
}

/** A pool of addresses may have thousands of them: its ends tell people as much. */
function shortConfig(json: string | undefined): string {
  const shorten = (_key: string, value: unknown): unknown =>
    Array.isArray(value) && value.length > 8 ? [`${value[0]} … ${value.at(-1)} (${value.length})`] : value;
  return JSON.stringify(parsed(json) ?? {}, shorten, 2);
}

/** The same for programs. */
export function infoDocument(info: HostInfoJson) {
  return {
    running: true,
    name: info.name ?? "",
    version: info.version ?? "",
    status: serviceStatusWord(info),
    dev_mode: info.devMode ?? false,
    root: info.root ?? "",
    host_id: info.hostId ?? "",
    host_name: info.hostName ?? "",
    api_url: info.apiUrl ?? "",
    runtime: info.runtime ?? "",
    nodes: { total: info.nodesTotal ?? 0, running: info.nodesRunning ?? 0 },
    network: { interface: info.interface ?? "", gateway_ip: info.gatewayIp ?? "", host_ip: info.hostIp ?? "" },
    free_ips: info.freeIps ?? [],
    ...(info.ipv6 ? { ipv6: ipv6Document(info.ipv6) } : {}),
    conditions: (info.conditions ?? []).map(({ name = "", ok = false, message = "" }) => ({ name, ok, message })),
    started_at: info.startedAt ?? null,
    config: parsed(info.configJson),
  };
}

function ipv6Document({ gatewayIp = "", hostIp = "", freeIps = [] }: HostSubnetJson) {
  return { gateway_ip: gatewayIp, host_ip: hostIp, free_ips: freeIps };
}

function parsed(json: string | undefined): unknown {
  try {
    return JSON.parse(json ?? "null");
  } catch {
    return null;
  }
}
