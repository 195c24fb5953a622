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
import { MetricsService } from "@blockvisor/wire/blockjoy/v1/metrics";
import { NodeService } from "@blockvisor/wire/blockjoy/v1/node";
import { OrgService } from "@blockvisor/wire/blockjoy/v1/org";
import { ProtocolService } from "@blockvisor/wire/blockjoy/v1/protocol";
import { UserService } from "@blockvisor/wire/blockjoy/v1/user";
import { ArchiveStoreService } from "@blockvisor/wire/blockvisor/archive/v1/archive";
import { HostFactsService } from "@blockvisor/wire/blockvisor/hosts/v1/facts";
import { SecretStoreService } from "@blockvisor/wire/blockvisor/secrets/v1/secrets";
import { type Client, createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";

const services = {
  apiKey: ApiKeyService,
  archive: ArchiveService,
  archiveStore: ArchiveStoreService,
  auth: AuthService,
  bundle: BundleService,
  command: CommandService,
  crypt: CryptService,
  discovery: DiscoveryService,
  host: HostService,
  hostFacts: HostFactsService,
  image: ImageService,
  invitation: InvitationService,
  metrics: MetricsService,
  node: NodeService,
  org: OrgService,
  protocol: ProtocolService,
  secretStore: SecretStoreService,
  user: UserService,
} as const;

export type Clients = { readonly [Name in keyof typeof services]: Client<(typeof services)[Name]> };

/** Native gRPC clients over HTTP/2 with prior knowledge, as the real ones are; `headers` go with every call. */
export function clients(url: string, token?: string, headers: Readonly<Record<string, string>> = {}): Clients {
  const withHeaders: Interceptor = (next) => (request) => {
    if (token !== undefined) request.header.set("authorization", `Bearer ${token}`);
    for (const [name, value] of Object.entries(headers)) request.header.set(name, value);
    return next(request);
  };
  const transport = createGrpcTransport({ baseUrl: url, interceptors: [withHeaders] });
  const made = Object.entries(services).map(([name, service]) => [name, createClient(service, transport)]);
  return Object.fromEntries(made) as Clients;
}
