import { ResourceType } from "@blockvisor/wire/blockjoy/common/v1/resource";
import { type Api, callApi } from "../cloud/api.ts";
import { HostError } from "../errors/host-error.ts";
import type { Secrets } from "./secrets.ts";

/** Secrets of a node that the control plane manages: its crypt service, in the node's own scope (spec plugin-api §2.10). */
export function apiSecrets(api: Api, nodeId: string): Secrets {
  const resource = { resourceType: ResourceType.NODE, resourceId: nodeId };
  return {
    get: async (key, signal) => {
      try {
        return (await callApi(() => api.crypt.getSecret({ resource, key }, { signal }), signal)).value;
      } catch (error) {
        if (error instanceof HostError && error.code === "not_found") return undefined;
        throw new HostError("failed", `get_secret failed: ${(error as Error).message}`, { cause: error });
      }
    },
    put: async (key, value, signal) => {
      await callApi(() => api.crypt.putSecret({ resource, key, value }, { signal }), signal).catch((error: unknown) => {
        throw new HostError("failed", `put_key failed: ${(error as Error).message}`, { cause: error });
      });
    },
  };
}
