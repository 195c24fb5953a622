import { z } from "zod";
import { alreadyExists, notFound } from "../rpc-error.ts";

const databaseError = z.object({ code: z.string(), constraint: z.string().optional() });

const uniqueViolation = "23505";
const foreignKeyViolation = "23503";
const transientCodes = new Set(["40001", "40P01", "55P03"]);

/** What a caller is told when a unique key is taken. */
const entities: Readonly<Record<string, string>> = {
  users_email_key: "User",
  regions_key: "Region",
  hosts_network_name: "Host",
  ip_addresses_ip: "Ip address",
  protocols_key: "Protocol",
  protocol_versions_key: "Protocol version",
  images_build: "Image",
  image_properties_key: "Image property",
  nodes_name: "Node",
  invitations_open: "Invitation",
};

/** Lost against a concurrent transaction: worth trying again. */
export function isTransient(error: unknown): boolean {
  const parsed = databaseError.safeParse(error);
  return parsed.success && transientCodes.has(parsed.data.code);
}

/** The unique key an error is about, if it is about one. */
export function violatedKey(error: unknown): string | undefined {
  const parsed = databaseError.safeParse(error);
  return parsed.success && parsed.data.code === uniqueViolation ? parsed.data.constraint : undefined;
}

/** What a caller is told when it refers to something that is not there. */
const referred: Readonly<Record<string, string>> = {
  hosts_region_id_fkey: "Region",
  hosts_org_id_fkey: "Org",
  protocols_org_id_fkey: "Org",
  protocol_versions_org_id_fkey: "Org",
  images_org_id_fkey: "Org",
  nodes_org_id_fkey: "Org",
};

export function translateConstraint(error: unknown): unknown {
  const parsed = databaseError.safeParse(error);
  const missing =
    parsed.success && parsed.data.code === foreignKeyViolation ? referred[parsed.data.constraint ?? ""] : undefined;
  if (missing !== undefined) return notFound(missing);
  const entity = entities[violatedKey(error) ?? ""];
  return entity === undefined ? error : alreadyExists(entity);
}
