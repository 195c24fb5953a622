import type { HostService } from "@blockvisor/wire/blockvisor/host/v1/host";
import type { ServiceImpl } from "@connectrpc/connect";
import { HostError } from "../errors/host-error.ts";
import { hostMetrics } from "../metrics/host-metrics.ts";
import { nodeMetrics } from "../metrics/node-metrics.ts";
import { nodeResources } from "../metrics/node-resources.ts";
import type { ServiceContext } from "./service-context.ts";

type MetricsMethods = "getHostMetrics" | "getNodeMetrics" | "getNodeResources";

/** What is measured, on demand. */
export function metricsService({ host, nodes }: ServiceContext): Pick<ServiceImpl<typeof HostService>, MetricsMethods> {
  return {
    getHostMetrics: async () => {
      const { pressure, ...metrics } = await hostMetrics(host.paths.var, nodes.usedAddresses());
      return { ...metrics, pressure: [...pressure] };
    },
    getNodeMetrics: async ({ node }) => {
      const actor = nodes.find(node, "get metrics of");
      if (actor.snapshot().seen.agent !== "ready") {
        throw new HostError("unavailable", "metrics not available", { hint: "start the node" });
      }
      return nodeMetrics(actor);
    },
    getNodeResources: async ({ node }) => nodeResources(host, nodes.find(node, "measure").snapshot().state),
  };
}
