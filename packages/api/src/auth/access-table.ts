import { type Resource, ResourceType } from "@blockvisor/wire/blockjoy/common/v1/resource";
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
import { type ArchiveRef, ArchiveStoreService } from "@blockvisor/wire/blockvisor/archive/v1/archive";
import { HostFactsService } from "@blockvisor/wire/blockvisor/hosts/v1/facts";
import { type ListSecretsRequest, SecretStoreService } from "@blockvisor/wire/blockvisor/secrets/v1/secrets";
import type {
  DescMessage,
  DescMethod,
  DescMethodClientStreaming,
  DescMethodUnary,
  MessageShape,
} from "@bufbuild/protobuf";

/**
 * Who may do what, in one place: first permission → roles that hold it, then RPC → permission it needs, and on what.
 * Whatever is in neither list is denied. (spec §1.4, §1.5 with CA-1.10 – CA-1.12, CA-1.30, CA-1.34)
 */

export const roles = {
  admin: "blockjoy-admin",
  login: "grpc-login",
  host: "grpc-new-host",
  owner: "org-owner",
  orgAdmin: "org-admin",
  member: "org-member",
  personal: "org-personal",
  preview: "view-developer-preview",
  snapshots: "snapshot-reader",
} as const;

type RoleAlias = keyof typeof roles;

/** Roles that take effect everywhere, whichever org they were given in (spec §1.3). */
export const globalRoles: readonly string[] = [roles.admin, roles.preview, roles.snapshots];

const permissionHolders = {
  "api-key-create": ["login"],
  "api-key-list": ["login"],
  "api-key-delete": ["login"],
  "archive-get-download-metadata": ["host", "snapshots"],
  "archive-get-download-chunks": ["host", "snapshots"],
  "archive-get-upload-slots": ["host"],
  "archive-put-download-manifest": ["host"],
  "archive-admin-get-download-metadata": ["admin"],
  "archive-admin-get-download-chunks": ["admin"],
  "archive-admin-get-upload-slots": ["admin"],
  "archive-admin-put-download-manifest": ["admin"],
  "archive-admin-manage": ["admin"],
  "auth-list-permissions": ["login"],
  "auth-refresh": ["login", "host"],
  "auth-update-ui-password": ["login"],
  "auth-admin-list-permissions": ["admin"],
  "billing-exempt": ["admin"],
  "bundle-list-versions": ["login", "host"],
  "bundle-retrieve": ["login", "host"],
  "command-ack": ["host"],
  "command-get": ["login", "host"],
  "command-list": ["login", "host"],
  "command-pending": ["host"],
  "command-update": ["host"],
  "command-admin-list": ["admin"],
  "command-admin-pending": ["admin"],
  "crypt-get-secret": ["host", "orgAdmin", "personal"],
  "crypt-put-secret": ["host", "orgAdmin", "personal"],
  "discovery-services": ["login", "host"],
  "host-delete-host": ["orgAdmin", "personal"],
  "host-get-host": ["host", "member", "personal"],
  "host-list-hosts": ["host", "member", "personal"],
  "host-list-regions": ["host", "member", "personal"],
  "host-report-facts": ["host"],
  "host-update-host": ["host", "orgAdmin", "personal"],
  "host-admin-create-region": ["admin"],
  "host-admin-delete-host": ["admin"],
  "host-admin-get-host": ["admin"],
  "host-admin-list-hosts": ["admin"],
  "host-admin-list-regions": ["admin"],
  "host-admin-provision-public": ["admin"],
  "host-admin-update-host": ["admin"],
  "host-admin-update-region": ["admin"],
  "host-admin-view-cost": ["admin"],
  "image-get": ["login", "host", "snapshots"],
  "image-list-archives": ["login", "host", "snapshots"],
  "image-admin-add": ["admin"],
  "image-admin-get": ["admin"],
  "image-admin-list": ["admin"],
  "image-admin-list-archives": ["admin"],
  "image-admin-update-archive": ["admin"],
  "image-admin-update-image": ["admin"],
  "image-admin-add-property": ["admin"],
  "image-admin-update-property": ["admin"],
  "image-admin-delete-property": ["admin"],
  "image-admin-copy-properties": ["admin"],
  "invitation-create": ["orgAdmin"],
  "invitation-list": ["login"],
  "invitation-accept": ["login"],
  "invitation-decline": ["login"],
  "invitation-revoke": ["orgAdmin"],
  "invitation-admin-create": ["admin"],
  "invitation-admin-list": ["admin"],
  "invitation-admin-revoke": ["admin"],
  "metrics-host": ["host"],
  "metrics-node": ["host"],
  "mqtt-acl": ["login", "host"],
  "mqtt-admin-acl": ["admin"],
  "node-create": ["host", "orgAdmin", "personal"],
  "node-delete": ["host", "orgAdmin", "personal"],
  "node-get": ["host", "member", "personal"],
  "node-list": ["host", "member", "personal"],
  "node-report-error": ["login", "host", "member", "personal"],
  "node-report-status": ["host"],
  "node-restart": ["host", "member", "personal"],
  "node-start": ["host", "member", "personal"],
  "node-stop": ["host", "member", "personal"],
  "node-update-config": ["host", "member", "personal"],
  "node-upgrade": ["host", "orgAdmin", "personal"],
  "node-admin-create": ["admin"],
  "node-admin-delete": ["admin"],
  "node-admin-get": ["admin"],
  "node-admin-list": ["admin"],
  "node-admin-migrate": ["admin"],
  "node-admin-report-error": ["admin"],
  "node-admin-report-status": ["admin"],
  "node-admin-restart": ["admin"],
  "node-admin-start": ["admin"],
  "node-admin-stop": ["admin"],
  "node-admin-transfer": ["admin"],
  "node-admin-update-config": ["admin"],
  "node-admin-upgrade": ["admin"],
  "node-admin-view-cost": ["admin"],
  "org-create": ["login", "member", "personal"],
  "org-get": ["login", "member", "personal"],
  "org-list": ["login", "member", "personal"],
  "org-update": ["orgAdmin", "personal"],
  "org-delete": ["owner"],
  "org-remove-member": ["orgAdmin"],
  "org-remove-self": ["member"],
  "org-admin-get": ["admin"],
  "org-admin-list": ["admin"],
  "org-admin-update": ["admin"],
  "org-provision-get-token": ["login", "member", "personal"],
  "org-provision-reset-token": ["login", "member", "personal"],
  "protocol-get-protocol": ["login", "host", "snapshots"],
  "protocol-get-latest": ["login", "host", "snapshots"],
  "protocol-get-stats": ["admin", "member", "personal"],
  "protocol-list-protocols": ["login", "host", "snapshots"],
  "protocol-list-variants": ["login", "host", "snapshots"],
  "protocol-list-versions": ["login", "host", "snapshots"],
  "protocol-view-development": ["admin", "preview"],
  "protocol-view-public": ["admin", "login", "host", "snapshots"],
  "protocol-admin-add-protocol": ["admin"],
  "protocol-admin-add-version": ["admin"],
  "protocol-admin-get-protocol": ["admin"],
  "protocol-admin-get-latest": ["admin"],
  "protocol-admin-list-protocols": ["admin"],
  "protocol-admin-list-variants": ["admin"],
  "protocol-admin-list-versions": ["admin"],
  "protocol-admin-update-protocol": ["admin"],
  "protocol-admin-update-version": ["admin"],
  "protocol-admin-view-all-stats": ["admin"],
  "protocol-admin-view-private": ["admin"],
  "secret-manage": ["orgAdmin", "personal"],
  "secret-admin-manage": ["admin"],
  "user-create": ["login"],
  "user-filter": ["login"],
  "user-get": ["login"],
  "user-update": ["login"],
  "user-delete": ["login"],
  "user-admin-filter": ["admin"],
  "user-admin-get": ["admin"],
  "user-admin-update": ["admin"],
  "user-settings-get": ["login"],
  "user-settings-update": ["login"],
  "user-settings-delete": ["login"],
  "user-settings-admin-get": ["admin"],
  "user-settings-admin-update": ["admin"],
  "user-settings-admin-delete": ["admin"],
} as const satisfies Readonly<Record<string, readonly RoleAlias[]>>;

export type Permission = keyof typeof permissionHolders;

const permissions = Object.keys(permissionHolders) as readonly Permission[];

export const isPermission = (name: string): name is Permission => Object.hasOwn(permissionHolders, name);

/** Role name → permissions, derived from the table above. A role that is not in it holds nothing. */
export const rolePermissions: ReadonlyMap<string, ReadonlySet<Permission>> = new Map(
  Object.entries(roles).map(([alias, role]) => [
    role as string,
    new Set(permissions.filter((name) => (permissionHolders[name] as readonly string[]).includes(alias))),
  ]),
);

/** What a request is about. The last three stand for the host, user and org they belong to. */
export interface Target {
  readonly kind: "user" | "org" | "host" | "node" | "command" | "api_key" | "invitation";
  readonly id: string;
  /** wire name of the request field, for messages */
  readonly field: string;
}

/**
 * Holds when the caller has every `admin` permission (then no target is looked at), or has `permission` on each target by
 * itself (CA-1.10), or without targets at all. An absent `permission` leaves only the admin way.
 */
export interface Rule {
  readonly permission?: Permission;
  readonly admin?: readonly Permission[];
  readonly targets: readonly Target[];
}

export type Access<Request> =
  /** Nobody has to be signed in; the handler does its own checking of whatever credential the request carries. */
  | { readonly kind: "open" }
  /** Every rule has to hold. */
  | { readonly kind: "guarded"; readonly rules: (request: Request) => readonly Rule[] }
  /** In the contract, not built: answers UNIMPLEMENTED to everybody. */
  | { readonly kind: "unimplemented"; readonly because: string };

const open = { kind: "open" } as const;
const unimplemented = (because: string) => ({ kind: "unimplemented", because }) as const;

const user = (id: string, field = "user_id"): Target => ({ kind: "user", id, field });
const org = (id: string, field = "org_id"): Target => ({ kind: "org", id, field });
const host = (id: string, field = "host_id"): Target => ({ kind: "host", id, field });
const node = (id: string, field = "node_id"): Target => ({ kind: "node", id, field });
const optionalOrg = (id: string | undefined): readonly Target[] => (id === undefined ? [] : [org(id)]);
const archiveOrg = (archive: ArchiveRef | undefined) => optionalOrg(archive?.orgId);
const optionalOrgs = (ids: readonly string[]): readonly Target[] => ids.map((id) => org(id, "org_ids"));

const resourceKinds: Partial<Record<ResourceType, Target["kind"]>> = {
  [ResourceType.USER]: "user",
  [ResourceType.ORG]: "org",
  [ResourceType.HOST]: "host",
  [ResourceType.NODE]: "node",
};
/** A resource of unspecified type names nothing: the empty id is refused as invalid before access is looked at. */
const resource = (of: Resource | undefined, field = "resource"): Target => ({
  kind: resourceKinds[of?.resourceType ?? ResourceType.UNSPECIFIED] ?? "user",
  id: of !== undefined && resourceKinds[of.resourceType] !== undefined ? of.resourceId : "",
  field,
});

function guarded<Request>(
  permission: Permission | undefined,
  admin: Permission | undefined,
  targets: (request: Request) => readonly Target[] = () => [],
): Access<Request> {
  return {
    kind: "guarded",
    rules: (request) => [
      {
        ...(permission === undefined ? {} : { permission }),
        ...(admin === undefined ? {} : { admin: [admin] }),
        targets: targets(request),
      },
    ],
  };
}

/** With ids: the plain permission on each of them, or the admin one. Without: only the admin one. */
function scoped<Request>(
  permission: Permission,
  admin: Permission,
  targets: (request: Request) => readonly Target[],
): Access<Request> {
  return {
    kind: "guarded",
    rules: (request) => {
      const named = targets(request);
      return [{ ...(named.length === 0 ? {} : { permission }), admin: [admin], targets: named }];
    },
  };
}

/** Secrets of orgs and nodes are their people's, those of the platform its administrators'. */
const ofScope: Access<Pick<ListSecretsRequest, "scope">> = {
  kind: "guarded",
  rules: ({ scope }) => {
    if (scope.case === "orgId") return [{ permission: "secret-manage", targets: [org(scope.value)] }];
    if (scope.case === "nodeId") return [{ permission: "secret-manage", targets: [node(scope.value)] }];
    return [{ admin: ["secret-admin-manage"], targets: [] }];
  },
};

type Entry = readonly [method: DescMethod, access: Access<never>];

function rpc<Input extends DescMessage>(
  method: DescMethodUnary<Input, DescMessage>,
  access: Access<MessageShape<Input>>,
): Entry {
  return [method, access];
}

/** Before a stream's first message nothing is known of its targets: the row has none, and the handler asks for them (`caller.require`). */
function stream(method: DescMethodClientStreaming, permission: Permission, admin: Permission): Entry {
  return [method, guarded(permission, admin)];
}

const noMail = "needs the mail integration, which this version does not have";
const noBilling = "needs the billing integration, which this version does not have";
const noBucketKeys =
  "nobody gets keys of the bucket; GetDownloadMetadataByStoreKey and GetDownloadChunksByStoreKey lead to every archive";
const noLoadBalancers = "load balancers are not part of this version";
const noHostPower = "hosts do not support being started, stopped or restarted remotely";
const noMigration = "migration is not part of this version";
const noCatalogueEditing = "editing properties of a published image is not part of this version; push a new build";

const entries: readonly Entry[] = [
  rpc(
    ApiKeyService.method.create,
    guarded("api-key-create", undefined, (r) => [resource(r.resource)]),
  ),
  rpc(ApiKeyService.method.list, guarded("api-key-list", undefined)),
  rpc(
    ApiKeyService.method.delete,
    guarded("api-key-delete", undefined, (r) => [{ kind: "api_key", id: r.apiKeyId, field: "api_key_id" }]),
  ),

  rpc(
    ArchiveService.method.getDownloadMetadata,
    guarded("archive-get-download-metadata", "archive-admin-get-download-metadata", (r) => optionalOrg(r.orgId)),
  ),
  rpc(
    ArchiveService.method.getDownloadChunks,
    guarded("archive-get-download-chunks", "archive-admin-get-download-chunks", (r) => optionalOrg(r.orgId)),
  ),
  rpc(
    ArchiveService.method.getUploadSlots,
    guarded("archive-get-upload-slots", "archive-admin-get-upload-slots", (r) => optionalOrg(r.orgId)),
  ),
  rpc(
    ArchiveService.method.getUploadSlotsByStoreKey,
    guarded("archive-get-upload-slots", "archive-admin-get-upload-slots", (r) => optionalOrg(r.orgId)),
  ),
  rpc(
    ArchiveService.method.getDownloadMetadataByStoreKey,
    guarded("archive-get-download-metadata", "archive-admin-get-download-metadata", (r) => optionalOrg(r.orgId)),
  ),
  rpc(
    ArchiveService.method.getDownloadChunksByStoreKey,
    guarded("archive-get-download-chunks", "archive-admin-get-download-chunks", (r) => optionalOrg(r.orgId)),
  ),
  rpc(
    ArchiveService.method.putDownloadManifest,
    guarded("archive-put-download-manifest", "archive-admin-put-download-manifest", (r) => optionalOrg(r.orgId)),
  ),
  rpc(
    ArchiveService.method.putDownloadManifestByStoreKey,
    guarded("archive-put-download-manifest", "archive-admin-put-download-manifest", (r) => optionalOrg(r.orgId)),
  ),
  rpc(
    ArchiveService.method.getDownloadMetadataForClient,
    guarded("archive-get-download-metadata", "archive-admin-get-download-metadata", (r) => optionalOrg(r.orgId)),
  ),
  rpc(
    ArchiveService.method.discoverClientArchives,
    guarded("image-list-archives", "image-admin-list-archives", (r) => optionalOrg(r.orgId)),
  ),
  rpc(ArchiveService.method.getS3Config, unimplemented(noBucketKeys)),

  rpc(
    ArchiveStoreService.method.getSlots,
    guarded("archive-get-upload-slots", "archive-admin-get-upload-slots", (r) => archiveOrg(r.archive)),
  ),
  rpc(
    ArchiveStoreService.method.getStoredChunks,
    guarded("archive-get-upload-slots", "archive-admin-get-upload-slots", (r) => archiveOrg(r.archive)),
  ),
  stream(
    ArchiveStoreService.method.putManifest,
    "archive-put-download-manifest",
    "archive-admin-put-download-manifest",
  ),
  rpc(
    ArchiveStoreService.method.releaseUpload,
    guarded("archive-get-upload-slots", "archive-admin-get-upload-slots", (r) => archiveOrg(r.archive)),
  ),
  rpc(
    ArchiveStoreService.method.getManifest,
    guarded("archive-get-download-metadata", "archive-admin-get-download-metadata", (r) => archiveOrg(r.archive)),
  ),
  rpc(
    ArchiveStoreService.method.getChunks,
    guarded("archive-get-download-chunks", "archive-admin-get-download-chunks", (r) => archiveOrg(r.archive)),
  ),
  rpc(
    ArchiveStoreService.method.listArchives,
    guarded("image-list-archives", "image-admin-list-archives", (r) => optionalOrg(r.orgId)),
  ),
  rpc(ArchiveStoreService.method.deprecateVersion, guarded("archive-admin-manage", undefined)),
  rpc(ArchiveStoreService.method.setRetention, guarded("archive-admin-manage", undefined)),
  rpc(ArchiveStoreService.method.grantUpload, guarded("archive-admin-manage", undefined)),
  rpc(ArchiveStoreService.method.revokeUpload, guarded("archive-admin-manage", undefined)),
  rpc(ArchiveStoreService.method.listUploadGrants, guarded("archive-admin-manage", undefined)),
  rpc(ArchiveStoreService.method.setQuota, guarded("archive-admin-manage", undefined)),
  rpc(ArchiveStoreService.method.getQuota, guarded("archive-admin-manage", undefined)),
  rpc(ArchiveStoreService.method.releaseReservation, guarded("archive-admin-manage", undefined)),
  rpc(ArchiveStoreService.method.collectGarbage, guarded("archive-admin-manage", undefined)),

  rpc(AuthService.method.login, open),
  rpc(AuthService.method.refresh, open),
  rpc(AuthService.method.confirm, unimplemented(noMail)),
  rpc(AuthService.method.resetPassword, unimplemented(noMail)),
  rpc(AuthService.method.updatePassword, unimplemented(noMail)),
  rpc(
    AuthService.method.updateUIPassword,
    guarded("auth-update-ui-password", undefined, (r) => [user(r.userId)]),
  ),
  rpc(
    AuthService.method.listPermissions,
    guarded("auth-list-permissions", "auth-admin-list-permissions", (r) => [user(r.userId), org(r.orgId)]),
  ),

  rpc(BundleService.method.retrieve, guarded("bundle-retrieve", undefined)),
  rpc(BundleService.method.listVersions, guarded("bundle-list-versions", undefined)),

  rpc(
    CommandService.method.ack,
    guarded("command-ack", undefined, (r) => [{ kind: "command", id: r.commandId, field: "command_id" }]),
  ),
  rpc(
    CommandService.method.update,
    guarded("command-update", undefined, (r) => [{ kind: "command", id: r.commandId, field: "command_id" }]),
  ),
  rpc(
    CommandService.method.pending,
    guarded("command-pending", "command-admin-pending", (r) => [host(r.hostId)]),
  ),
  rpc(
    CommandService.method.list,
    guarded("command-list", "command-admin-list", (r) => [
      ...(r.nodeId === undefined ? [] : [node(r.nodeId)]),
      ...(r.hostId === undefined ? [] : [host(r.hostId)]),
    ]),
  ),

  rpc(
    CryptService.method.getSecret,
    guarded("crypt-get-secret", undefined, (r) => [resource(r.resource)]),
  ),
  rpc(
    CryptService.method.putSecret,
    guarded("crypt-put-secret", undefined, (r) => [resource(r.resource)]),
  ),

  rpc(DiscoveryService.method.services, guarded("discovery-services", undefined)),

  rpc(HostService.method.createHost, open),
  rpc(HostService.method.getRegion, open),
  rpc(HostService.method.createRegion, guarded(undefined, "host-admin-create-region")),
  rpc(HostService.method.updateRegion, guarded(undefined, "host-admin-update-region")),
  rpc(
    HostService.method.getHost,
    guarded("host-get-host", "host-admin-get-host", (r) => [host(r.hostId)]),
  ),
  rpc(
    HostService.method.listHosts,
    scoped("host-list-hosts", "host-admin-list-hosts", (r) => optionalOrgs(r.orgIds)),
  ),
  rpc(
    HostService.method.listRegions,
    scoped("host-list-regions", "host-admin-list-regions", (r) => optionalOrg(r.orgId)),
  ),
  rpc(HostService.method.updateHost, {
    kind: "guarded",
    rules: (r) =>
      r.cost === undefined
        ? [{ permission: "host-update-host", admin: ["host-admin-update-host"], targets: [host(r.hostId)] }]
        : [{ admin: ["host-admin-update-host", "host-admin-view-cost"], targets: [] }],
  }),
  rpc(
    HostService.method.deleteHost,
    guarded("host-delete-host", "host-admin-delete-host", (r) => [host(r.hostId)]),
  ),
  rpc(HostService.method.start, unimplemented(noHostPower)),
  rpc(HostService.method.stop, unimplemented(noHostPower)),
  rpc(HostService.method.restart, unimplemented(noHostPower)),

  rpc(
    HostFactsService.method.reportFacts,
    guarded("host-report-facts", undefined, (r) => [host(r.hostId)]),
  ),
  rpc(
    HostFactsService.method.listFacts,
    guarded("host-get-host", "host-admin-get-host", (r) => r.hostIds.map((id) => host(id, "host_ids"))),
  ),

  rpc(ImageService.method.addImage, guarded("image-admin-add", undefined)),
  rpc(
    ImageService.method.getImage,
    guarded("image-get", "image-admin-get", (r) => optionalOrg(r.orgId)),
  ),
  rpc(ImageService.method.updateImage, guarded("image-admin-update-image", undefined)),
  rpc(
    ImageService.method.listArchives,
    guarded("image-list-archives", "image-admin-list-archives", (r) => optionalOrg(r.orgId)),
  ),
  rpc(ImageService.method.updateArchive, guarded("image-admin-update-archive", undefined)),
  rpc(ImageService.method.listImages, unimplemented(noCatalogueEditing)),
  rpc(ImageService.method.getImageDetails, unimplemented(noCatalogueEditing)),
  rpc(ImageService.method.addImageProperty, unimplemented(noCatalogueEditing)),
  rpc(ImageService.method.updateImageProperty, unimplemented(noCatalogueEditing)),
  rpc(ImageService.method.deleteImageProperty, unimplemented(noCatalogueEditing)),
  rpc(ImageService.method.copyImageProperties, unimplemented(noCatalogueEditing)),

  rpc(
    InvitationService.method.create,
    guarded("invitation-create", "invitation-admin-create", (r) => [org(r.orgId)]),
  ),
  // By address it is the caller's own or, for administrators, any: the handler knows whose address it is.
  rpc(
    InvitationService.method.list,
    guarded("invitation-list", "invitation-admin-list", (r) => {
      if (r.orgId !== undefined) return [org(r.orgId)];
      return r.invitedBy === undefined ? [] : [resource(r.invitedBy, "invited_by")];
    }),
  ),
  rpc(InvitationService.method.accept, guarded("invitation-accept", undefined)),
  rpc(InvitationService.method.decline, guarded("invitation-decline", undefined)),
  rpc(
    InvitationService.method.revoke,
    guarded("invitation-revoke", "invitation-admin-revoke", (r) => [
      { kind: "invitation", id: r.invitationId, field: "invitation_id" },
    ]),
  ),
  rpc(InvitationService.method.adminBulkInvite, unimplemented(noMail)),

  rpc(LoadBalancerService.method.create, unimplemented(noLoadBalancers)),
  rpc(LoadBalancerService.method.get, unimplemented(noLoadBalancers)),
  rpc(LoadBalancerService.method.list, unimplemented(noLoadBalancers)),
  rpc(LoadBalancerService.method.update, unimplemented(noLoadBalancers)),
  rpc(LoadBalancerService.method.delete, unimplemented(noLoadBalancers)),
  rpc(LoadBalancerService.method.addMember, unimplemented(noLoadBalancers)),
  rpc(LoadBalancerService.method.removeMember, unimplemented(noLoadBalancers)),
  rpc(LoadBalancerService.method.listEngines, unimplemented(noLoadBalancers)),

  rpc(
    MetricsService.method.host,
    guarded("metrics-host", undefined, (r) => [host(r.metrics?.hostId ?? "", "metrics.host_id")]),
  ),
  // Nodes of the batch that are gone must not fail the others: the handler looks only at nodes on the calling host.
  rpc(MetricsService.method.node, guarded("metrics-node", undefined)),

  rpc(NodeService.method.create, {
    kind: "guarded",
    rules: (r) => [
      { permission: "node-create", admin: ["node-admin-create"], targets: [org(r.orgId)] },
      ...(r.oldNodeId === undefined
        ? []
        : [{ permission: "crypt-get-secret", targets: [node(r.oldNodeId, "old_node_id")] } as const]),
    ],
  }),
  rpc(
    NodeService.method.get,
    guarded("node-get", "node-admin-get", (r) => [node(r.nodeId)]),
  ),
  rpc(
    NodeService.method.list,
    scoped("node-list", "node-admin-list", (r) => optionalOrgs(r.orgIds)),
  ),
  rpc(
    NodeService.method.reportStatus,
    guarded("node-report-status", "node-admin-report-status", (r) => [node(r.nodeId)]),
  ),
  rpc(
    NodeService.method.reportError,
    guarded("node-report-error", "node-admin-report-error", (r) => [node(r.nodeId)]),
  ),
  rpc(NodeService.method.updateConfig, {
    kind: "guarded",
    rules: (r) => [
      ...(r.newOrgId === undefined
        ? []
        : [{ admin: ["node-admin-update-config", "node-admin-transfer"], targets: [] } as const]),
      ...(r.cost === undefined
        ? []
        : [{ admin: ["node-admin-update-config", "node-admin-view-cost"], targets: [] } as const]),
      { permission: "node-update-config", admin: ["node-admin-update-config"], targets: [node(r.nodeId)] },
    ],
  }),
  rpc(
    NodeService.method.upgradeImage,
    scoped("node-upgrade", "node-admin-upgrade", (r) => [
      ...r.nodeIds.map((id) => node(id, "node_ids")),
      ...optionalOrg(r.orgId),
    ]),
  ),
  rpc(
    NodeService.method.start,
    guarded("node-start", "node-admin-start", (r) => [node(r.nodeId)]),
  ),
  rpc(
    NodeService.method.stop,
    guarded("node-stop", "node-admin-stop", (r) => [node(r.nodeId)]),
  ),
  rpc(
    NodeService.method.restart,
    guarded("node-restart", "node-admin-restart", (r) => [node(r.nodeId)]),
  ),
  rpc(
    NodeService.method.delete,
    guarded("node-delete", "node-admin-delete", (r) => [node(r.nodeId)]),
  ),
  rpc(NodeService.method.migrationCandidates, unimplemented(noMigration)),
  rpc(NodeService.method.migrate, unimplemented(noMigration)),

  rpc(
    OrgService.method.get,
    guarded("org-get", "org-admin-get", (r) => [org(r.orgId)]),
  ),
  rpc(
    OrgService.method.list,
    scoped("org-list", "org-admin-list", (r) => (r.memberId === undefined ? [] : [user(r.memberId, "member_id")])),
  ),
  rpc(OrgService.method.create, guarded("org-create", undefined)),
  rpc(
    OrgService.method.update,
    guarded("org-update", "org-admin-update", (r) => [org(r.orgId)]),
  ),
  rpc(
    OrgService.method.delete,
    guarded("org-delete", undefined, (r) => [org(r.orgId)]),
  ),
  // Whether somebody removes another or itself depends on the caller: the handler asks for the one that fits.
  rpc(
    OrgService.method.removeMember,
    guarded("org-get", undefined, (r) => [org(r.orgId)]),
  ),
  rpc(
    OrgService.method.getProvisionToken,
    guarded("org-provision-get-token", undefined, (r) => [org(r.orgId)]),
  ),
  rpc(
    OrgService.method.resetProvisionToken,
    guarded("org-provision-reset-token", undefined, (r) => [org(r.orgId)]),
  ),
  rpc(OrgService.method.initCard, unimplemented(noBilling)),
  rpc(OrgService.method.listPaymentMethods, unimplemented(noBilling)),
  rpc(OrgService.method.billingDetails, unimplemented(noBilling)),
  rpc(OrgService.method.getAddress, unimplemented(noBilling)),
  rpc(OrgService.method.setAddress, unimplemented(noBilling)),
  rpc(OrgService.method.deleteAddress, unimplemented(noBilling)),
  rpc(OrgService.method.getInvoices, unimplemented(noBilling)),

  rpc(ProtocolService.method.addProtocol, guarded("protocol-admin-add-protocol", undefined)),
  rpc(ProtocolService.method.addVersion, guarded("protocol-admin-add-version", undefined)),
  rpc(
    ProtocolService.method.getLatest,
    guarded("protocol-get-latest", "protocol-admin-get-latest", (r) => optionalOrg(r.orgId)),
  ),
  rpc(ProtocolService.method.getPricing, unimplemented(noBilling)),
  rpc(
    ProtocolService.method.getProtocol,
    guarded("protocol-get-protocol", "protocol-admin-get-protocol", (r) => optionalOrg(r.orgId)),
  ),
  rpc(
    ProtocolService.method.getStats,
    scoped("protocol-get-stats", "protocol-admin-view-all-stats", (r) => optionalOrg(r.orgId)),
  ),
  rpc(
    ProtocolService.method.listProtocols,
    guarded("protocol-list-protocols", "protocol-admin-list-protocols", (r) => optionalOrgs(r.orgIds)),
  ),
  rpc(
    ProtocolService.method.listVariants,
    guarded("protocol-list-variants", "protocol-admin-list-variants", (r) => optionalOrg(r.orgId)),
  ),
  rpc(
    ProtocolService.method.listVersions,
    guarded("protocol-list-versions", "protocol-admin-list-versions", (r) => optionalOrg(r.orgId)),
  ),
  rpc(ProtocolService.method.updateProtocol, guarded("protocol-admin-update-protocol", undefined)),
  rpc(ProtocolService.method.updateVersion, guarded("protocol-admin-update-version", undefined)),

  rpc(SecretStoreService.method.putSecret, ofScope),
  rpc(SecretStoreService.method.listSecrets, ofScope),
  rpc(SecretStoreService.method.deleteSecret, ofScope),

  rpc(
    UserService.method.get,
    guarded("user-get", "user-admin-get", (r) => [user(r.userId)]),
  ),
  rpc(
    UserService.method.list,
    scoped("user-filter", "user-admin-filter", (r) => [
      ...r.userIds.map((id) => user(id, "user_ids")),
      ...optionalOrgs(r.orgIds),
    ]),
  ),
  rpc(UserService.method.create, open),
  rpc(
    UserService.method.update,
    guarded("user-update", "user-admin-update", (r) => [user(r.userId)]),
  ),
  rpc(
    UserService.method.delete,
    guarded("user-delete", undefined, (r) => [user(r.userId)]),
  ),
  rpc(
    UserService.method.getSettings,
    guarded("user-settings-get", "user-settings-admin-get", (r) => [user(r.userId)]),
  ),
  rpc(
    UserService.method.updateSettings,
    guarded("user-settings-update", "user-settings-admin-update", (r) => [user(r.userId)]),
  ),
  rpc(
    UserService.method.deleteSettings,
    guarded("user-settings-delete", "user-settings-admin-delete", (r) => [user(r.userId)]),
  ),
];

export const rpcName = (method: DescMethod): string => `${method.parent.typeName}/${method.name}`;

const table: ReadonlyMap<string, Access<never>> = new Map(entries.map(([method, access]) => [rpcName(method), access]));

/** The row of an RPC; undefined means nobody may call it. */
export const accessOf = (method: DescMethod): Access<unknown> | undefined =>
  table.get(rpcName(method)) as Access<unknown> | undefined;
