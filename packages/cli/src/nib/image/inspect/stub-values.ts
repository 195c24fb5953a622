import type { NodeEnv } from "@blockvisor/plugin";
import { z } from "zod";
import { Failure, reason } from "../../../failure/failure.ts";

const text = z.string().optional();

const envSchema = z
  .strictObject({
    node_id: text,
    node_name: text,
    node_org_id: text,
    org_id: text,
    node_version: text,
    node_protocol: text,
    node_variant: text,
    node_ip: text,
    node_ipv6: text,
    node_gateway: text,
    dev_mode: z.boolean().optional(),
    bv_host_id: text,
    bv_host_name: text,
    bv_api_url: text,
    data_mount_point: text,
    protocol_data_path: text,
    properties: z.record(z.string(), z.string()).optional(),
  } satisfies Record<keyof NodeEnv | "org_id", unknown>)
  // `org_id` is another name of `node_org_id` (plugin-api §5.5).
  .transform(
    ({ org_id, ...fields }): Partial<NodeEnv> =>
      Object.fromEntries(Object.entries({ ...(org_id !== undefined && { node_org_id: org_id }), ...fields })),
  );

/** `--env`: fields of the sample `node_env()` that are different. */
export function envOverrides(json: string | undefined): Partial<NodeEnv> {
  return parsed("--env", json, envSchema);
}

/** `--secrets`: what `get_secret()` finds. */
export function secretValues(json: string | undefined): Readonly<Record<string, string>> {
  return parsed("--secrets", json, z.record(z.string(), z.string()));
}

function parsed<T>(option: string, json: string | undefined, schema: z.ZodType<T>): T {
  const wrong = (why: string) =>
    new Failure("invalid-properties", `${option} cannot be used: ${why}`, {
      hint: `write it like ${option} '{"key":"value"}'`,
    });
  let value: unknown;
  try {
    value = JSON.parse(json ?? "{}");
  } catch (error) {
    throw wrong(reason(error));
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw wrong(
    `${issue?.path.join(".") ?? ""}${issue?.path.length ? ": " : ""}${issue?.message ?? "it has another form"}`,
  );
}
