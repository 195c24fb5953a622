import { ApiKeyService } from "@blockvisor/wire/blockjoy/v1/api_key";
import { ArchiveService } from "@blockvisor/wire/blockjoy/v1/archive";
import { AuthService } from "@blockvisor/wire/blockjoy/v1/auth";
import { BundleService } from "@blockvisor/wire/blockjoy/v1/bundle";
import { CommandService } from "@blockvisor/wire/blockjoy/v1/command";
import { CryptService } from "@blockvisor/wire/blockjoy/v1/crypt";
import { DiscoveryService } from "@blockvisor/wire/blockjoy/v1/discovery";
import { HostService } from "@blockvisor/wire/blockjoy/v1/host";
import { ImageService } from "@blockvisor/wire/blockjoy/v1/image";
import { InvitationService } from "@blockvisor/wire/blockjoy/v1/invitation";
import { LoadBalancerService } from "@blockvisor/wire/blockjoy/v1/load_balancer";
import { MetricsService } from "@blockvisor/wire/blockjoy/v1/metrics";
import { NodeService } from "@blockvisor/wire/blockjoy/v1/node";
import { OrgService } from "@blockvisor/wire/blockjoy/v1/org";
import { ProtocolService } from "@blockvisor/wire/blockjoy/v1/protocol";
import { UserService } from "@blockvisor/wire/blockjoy/v1/user";
import { ArchiveStoreService } from "@blockvisor/wire/blockvisor/archive/v1/archive";
import { HostFactsService } from "@blockvisor/wire/blockvisor/hosts/v1/facts";
import { SecretStoreService } from "@blockvisor/wire/blockvisor/secrets/v1/secrets";
import type { ConnectRouter } from "@connectrpc/connect";
import { apiKeyService } from "./api-keys/api-key-service.ts";
import { archiveService } from "./archives/archive-service.ts";
import { archiveStoreService } from "./archives/archive-store-service.ts";
import { authService } from "./auth/auth-service.ts";
import { bundleService } from "./bundles/bundle-service.ts";
import { commandService } from "./commands/command-service.ts";
import { discoveryService } from "./discovery/discovery-service.ts";
import { hostFactsService } from "./hosts/host-facts-service.ts";
import { hostService } from "./hosts/host-service.ts";
import { imageService } from "./images/image-service.ts";
import { invitationService } from "./invitations/invitation-service.ts";
import { metricsService } from "./metrics/metrics-service.ts";
import { nodeService } from "./nodes/node-service.ts";
import { orgService } from "./orgs/org-service.ts";
import type { Platform } from "./platform.ts";
import { protocolService } from "./protocols/protocol-service.ts";
import { cryptService } from "./secrets/crypt-service.ts";
import { secretStoreService } from "./secrets/secret-store-service.ts";
import { userService } from "./users/user-service.ts";

/** A manifest lists every chunk of an archive, tens of thousands of them (spec §0.2), and a chunk every file that has a part of it. */
const largestManifest = 150 * 1024 * 1024;

/** Every service of the contract. Methods a service does not have answer UNIMPLEMENTED; the access table says why. */
export function rpcRoutes(platform: Platform, publicUrl: () => string) {
  return (router: ConnectRouter): void => {
    router.service(ApiKeyService, apiKeyService(platform));
    router.service(ArchiveService, archiveService(platform), { readMaxBytes: largestManifest });
    router.service(ArchiveStoreService, archiveStoreService(platform), { readMaxBytes: largestManifest });
    router.service(AuthService, authService(platform));
    router.service(BundleService, bundleService(platform, publicUrl));
    router.service(CommandService, commandService(platform));
    router.service(CryptService, cryptService(platform));
    router.service(DiscoveryService, discoveryService(platform));
    router.service(HostFactsService, hostFactsService(platform));
    router.service(HostService, hostService(platform));
    router.service(ImageService, imageService(platform));
    router.service(InvitationService, invitationService(platform));
    router.service(LoadBalancerService, {});
    router.service(MetricsService, metricsService(platform));
    router.service(NodeService, nodeService(platform));
    router.service(OrgService, orgService(platform));
    router.service(ProtocolService, protocolService(platform));
    router.service(SecretStoreService, secretStoreService(platform));
    router.service(UserService, userService(platform));
  };
}
