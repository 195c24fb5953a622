import { timestampDate } from "@bufbuild/protobuf/wkt";
import { Api } from "../../cloud/api.ts";
import { apiKeyId, readCredentials } from "../../cloud/credentials.ts";
import type { Call } from "../../command/verb.ts";
import { Failure } from "../../failure/failure.ts";

/** `nib whoami` (nib-and-images §1.5): asks the API, so it also tells whether the login still works. */
export async function whoami({ out }: Call<object, []>): Promise<void> {
  const { token, url } = readCredentials(out);
  using api = new Api(out, url, token);
  const id = apiKeyId(token);
  const key = await ownKey(api, id);
  const fields: readonly (readonly [string, string])[] = [
    ["API", url],
    ["Key", id ?? "not an API key of the control plane"],
    ["User", key?.userId ?? "-"],
    ["Label", key?.label ?? "-"],
    ["Made", key?.createdAt ?? "-"],
    ["May", key?.permissions.join(", ") ?? "look up the protocols (the key may not tell its permissions)"],
  ];
  for (const [label, value] of fields) out.line(`${`${label}:`.padEnd(8)}${value}`);
  out.document({
    api_url: url,
    api_key_id: id ?? null,
    user_id: key?.userId ?? null,
    label: key?.label ?? null,
    created_at: key?.createdAt ?? null,
    permissions: key?.permissions ?? null,
  });
}

/** A key that may not list keys still proves itself with something that every key of nib may do. */
async function ownKey(api: Api, id: string | undefined) {
  try {
    const { apiKeys } = await api.call("ApiKeyService/List", () => api.apiKeys.list({}));
    const key = apiKeys.find(({ apiKeyId: listed }) => listed === id);
    if (!key) return undefined;
    const createdAt = key.createdAt ? timestampDate(key.createdAt).toISOString() : "-";
    return { userId: key.resource?.resourceId ?? "-", label: key.label, createdAt, permissions: key.permissions };
  } catch (error) {
    if (!(error instanceof Failure) || error.kind !== "permission-denied") throw error;
    await api.call("ProtocolService/ListProtocols", () => api.protocols.listProtocols({ limit: 1n }));
    return undefined;
  }
}
