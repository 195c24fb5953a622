import { z } from "zod";
import { alreadyExists, invalidArgument, notFound } from "../rpc-error.ts";

const databaseError = z.object({ code: z.string(), constraint: z.string().optional() });

const uniqueViolation = "23505";
const foreignKeyViolation = "23503";
/** NUL in texts, numbers out of range, … */
const dataException = "22";
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

/** What a caller is told when it refers to something that is not there. */
const referred: Readonly<Record<string, string>> = {
  hosts_region_id_fkey: "Region",
  hosts_org_id_fkey: "Org",
  protocols_org_id_fkey: "Org",
  protocol_versions_org_id_fkey: "Org",
  images_org_id_fkey: "Org",
  nodes_org_id_fkey: "Org",
};

/** Turns what a caller caused into an answer for it; other errors come back as they are. */
export function translateDatabaseError(error: unknown): unknown {
  const parsed = databaseError.safeParse(error);
  if (!parsed.success) return error;
  const { code, constraint = "" } = parsed.data;
  const missing = code === foreignKeyViolation ? referred[constraint] : undefined;
  if (missing !== undefined) return notFound(missing);
  const taken = code === uniqueViolation ? entities[constraint] : undefined;
  if (taken !== undefined) return alreadyExists(taken);
  return code.startsWith(dataException) ? invalidArgument("request", "has a value that cannot be stored") : error;
}
