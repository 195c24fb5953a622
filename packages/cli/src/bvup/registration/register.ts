import { ScheduleType } from "@blockvisor/wire/blockjoy/common/v1/host";
import { Code } from "@connectrpc/connect";
import { type Api, ApiFailure } from "../../cloud/api.ts";
import { Failure } from "../../failure/failure.ts";
import type { Machine } from "../../place/machine.ts";
import { suiteVersion } from "../../version.ts";
import type { HostNetwork } from "../network/choose.ts";
import type { Registration } from "./config-file.ts";

/** Addresses that the control plane is told of: more nodes than any host runs (host-daemon DB-1.6). */
const mostReported = 4_096;

interface Request {
  readonly token: string;
  readonly region: string;
  readonly isPrivate: boolean;
  readonly tags: readonly string[];
}

/** HostService.GetRegion, then CreateHost, once: a second try could register a second host (host-daemon §8.2). */
export async function registerHost(
  api: Api,
  machine: Machine,
  network: HostNetwork,
  request: Request,
): Promise<Registration> {
  const { region } = await api
    .call("HostService/GetRegion", () => api.hosts.getRegion({ region: { case: "regionKey", value: request.region } }))
    .catch((error: unknown) => {
      if (!(error instanceof ApiFailure) || error.code !== Code.NotFound) throw error;
      throw new Failure("api-not-found", `region '${request.region}' not found`, {
        hint: "name an existing one with --region",
      });
    });
  const created = await api
    .once("HostService/CreateHost", () =>
      api.hosts.createHost({
        provisionToken: request.token,
        isPrivate: request.isPrivate,
        networkName: machine.hostname,
        regionId: region?.regionId ?? "",
        scheduleType: ScheduleType.AUTOMATIC,
        os: machine.os,
        osVersion: machine.osVersion,
        bvVersion: suiteVersion,
        ipAddress: network.hostIp,
        ipGateway: network.gatewayIp,
        ips: network.availableIps.slice(0, mostReported),
        cpuCores: BigInt(machine.cpuCount),
        memoryBytes: BigInt(machine.memoryBytes),
        diskBytes: BigInt(machine.diskBytes),
        tags: { tags: request.tags.map((name) => ({ name })) },
      }),
    )
    .catch(wrongToken);
  return {
    hostId: created.host?.hostId ?? "",
    orgId: created.host?.orgId ?? null,
    provisionOrgId: created.provisionOrgId,
    token: created.token,
    refresh: created.refresh,
  };
}

function wrongToken(error: unknown): never {
  if (error instanceof ApiFailure && (error.code === Code.Unauthenticated || error.code === Code.PermissionDenied)) {
    throw new Failure("not-logged-in", `the control plane does not accept the provision token: ${error.message}`, {
      hint: "copy it again from the organisation's settings; it changes when it is reset",
    });
  }
  throw error;
}
