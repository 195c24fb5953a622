import { roles } from "../auth/access-table.ts";
import type { Database } from "../database/open-database.ts";

/** Everything an org can have one of, written straight into the database. */
export interface Fixture {
  readonly orgId: string;
  readonly userId: string;
  readonly hostId: string;
  readonly nodeId: string;
  readonly commandId: string;
  readonly apiKeyId: string;
  readonly invitationId: string;
}

export async function seedUser(
  db: Database,
  email: string,
  held: readonly { readonly orgId: string; readonly role: string }[],
): Promise<string> {
  const { id } = await db
    .insertInto("users")
    .values({ email, first_name: "", last_name: "", password_hash: "-", confirmed_at: new Date() })
    .returning("id")
    .executeTakeFirstOrThrow();
  for (const { orgId, role } of held) await giveRole(db, id, orgId, role);
  return id;
}

const giveRole = (db: Database, userId: string, orgId: string, role: string) =>
  db.insertInto("user_roles").values({ user_id: userId, org_id: orgId, role }).execute();

/** A host of an org, or a public one that an org has registered. */
export async function seedHost(
  db: Database,
  name: string,
  orgId: string | null,
  provisionOrgId: string,
): Promise<string> {
  await db
    .insertInto("regions")
    .values({ key: "local", display_name: "Local", sku_code: null })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const region = await db.selectFrom("regions").select("id").executeTakeFirstOrThrow();
  const { id } = await db
    .insertInto("hosts")
    .values({
      org_id: orgId,
      provision_org_id: provisionOrgId,
      region_id: region.id,
      network_name: name,
      display_name: null,
      schedule_type: "automatic",
      cpu_cores: 8n,
      memory_bytes: 8_000_000_000n,
      disk_bytes: 80_000_000_000n,
      os: "Debian",
      os_version: "12",
      bv_version: "0.1.0",
      ip_address: "10.255.0.1",
      ip_gateway: "10.255.0.254",
      created_by_type: "org",
      created_by_id: provisionOrgId,
    })
    .returning("id")
    .executeTakeFirstOrThrow();
  return id;
}

/** An org with owner, private host, node, open command and API key. */
export async function seedOrg(
  db: Database,
  name: string,
  subnet: string,
  options: { readonly ownerId?: string; readonly personal?: boolean } = {},
): Promise<Fixture> {
  const { id: orgId } = await db
    .insertInto("orgs")
    .values({ name, is_personal: options.personal ?? false })
    .returning("id")
    .executeTakeFirstOrThrow();
  const userId = options.ownerId ?? (await seedUser(db, `${name}@example.com`, []));
  await giveRole(db, userId, orgId, options.personal === true ? roles.personal : roles.owner);
  const hostId = await seedHost(db, name, orgId, orgId);
  const nodeId = await seedNode(db, name, orgId, hostId, `${subnet}.1`);
  const command = await db
    .insertInto("commands")
    .values({ host_id: hostId, node_id: nodeId, command_type: "node_start" })
    .returning("id")
    .executeTakeFirstOrThrow();
  const key = await db
    .insertInto("api_keys")
    .values({
      user_id: userId,
      label: name,
      salt: Buffer.alloc(16),
      secret_hash: Buffer.alloc(32),
      resource_type: "org",
      resource_id: orgId,
      permissions: "[]",
    })
    .returning("id")
    .executeTakeFirstOrThrow();
  const invitation = await db
    .insertInto("invitations")
    .values({ org_id: orgId, invitee_email: "guest@example.com", invited_by_type: "org", invited_by_id: orgId })
    .returning("id")
    .executeTakeFirstOrThrow();
  return {
    orgId,
    userId,
    hostId,
    nodeId,
    commandId: command.id,
    apiKeyId: key.id,
    invitationId: invitation.id,
  };
}

async function seedNode(db: Database, name: string, orgId: string, hostId: string, ip: string): Promise<string> {
  const by = { created_by_type: "org" as const, created_by_id: orgId };
  const protocol = await db
    .insertInto("protocols")
    .values({ key: `chain-${name}`, name, org_id: null, description: null, ticker: null })
    .returning("id")
    .executeTakeFirstOrThrow();
  const version = await db
    .insertInto("protocol_versions")
    .values({
      org_id: null,
      protocol_id: protocol.id,
      protocol_key: `chain-${name}`,
      variant_key: "variant",
      semantic_version: "1.0.0",
      sku_code: "",
      description: null,
      metadata: "[]",
    })
    .returning("id")
    .executeTakeFirstOrThrow();
  const image = await db
    .insertInto("images")
    .values({
      org_id: null,
      protocol_version_id: version.id,
      image_uri: "docker://x",
      build_version: 1n,
      description: null,
      min_cpu_cores: 1n,
      min_memory_bytes: 1n,
      min_disk_bytes: 1n,
      ramdisks: "[]",
      firewall: new Uint8Array(),
      min_babel_version: "0.1.0",
      dns_scheme: null,
    })
    .returning("id")
    .executeTakeFirstOrThrow();
  const archive = await db
    .insertInto("archives")
    .values({ org_id: null, image_id: image.id, store_key: "store-key", combination: "" })
    .returning("id")
    .executeTakeFirstOrThrow();
  const config = await db
    .insertInto("configs")
    .values({ image_id: image.id, archive_id: archive.id, config: new Uint8Array(), ...by })
    .returning("id")
    .executeTakeFirstOrThrow();
  const node = await db
    .insertInto("nodes")
    .values({
      node_name: name,
      display_name: name,
      old_node_id: null,
      org_id: orgId,
      host_id: hostId,
      image_id: image.id,
      config_id: config.id,
      protocol_id: protocol.id,
      protocol_version_id: version.id,
      semantic_version: "1.0.0",
      ip_address: ip,
      ip_gateway: "10.255.0.254",
      dns_name: name,
      cpu_cores: 1n,
      memory_bytes: 1n,
      disk_bytes: 1n,
      ...by,
    })
    .returning("id")
    .executeTakeFirstOrThrow();
  return node.id;
}
