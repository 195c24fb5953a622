import type { DiscoveryService } from "@blockvisor/wire/blockjoy/v1/discovery";
import type { ServiceImpl } from "@connectrpc/connect";
import type { Platform } from "../platform.ts";

/** Spec §2.13. */
export function discoveryService(platform: Platform): ServiceImpl<typeof DiscoveryService> {
  return { services: async () => ({ notificationUrl: platform.broker.url }) };
}
