import { hostname } from "node:os";
import { ResourceType } from "@blockvisor/wire/blockjoy/common/v1/resource";
import { Code } from "@connectrpc/connect";
import { Api, ApiFailure } from "../../cloud/api.ts";
import { checkedApiUrl } from "../../cloud/api-url.ts";
import {
  apiKeyId,
  type Credentials,
  credentialsPath,
  storeCredentials,
  storedCredentials,
} from "../../cloud/credentials.ts";
import { defaultApiUrl } from "../../cloud/default-url.ts";
import type { Call } from "../../command/verb.ts";
import { Failure } from "../../failure/failure.ts";
import type { Output } from "../../output/output.ts";
import { ask, askSecret } from "../../output/question.ts";
import {
  administratorPermissions,
  extraPermissions,
  pushPermissions,
  readPermissions,
  secretPermissions,
} from "./permissions.ts";
import type { LoginOptions } from "./verb.ts";

/** `nib login` (nib-and-images §1.5). */
export async function login({ out, args, options }: Call<LoginOptions, [userId?: string]>): Promise<void> {
  const before = storedCredentials(out);
  const named = options.api ?? (process.env["NIB_API_URL"] || before?.url) ?? defaultApiUrl;
  const url = checkedApiUrl(named, options.insecure);
  const given = options.tokenStdin ? (await readStdin()).trim() : options.token;
  if (given !== undefined) {
    storeCredentials({ token: given, url });
    said(out, url, undefined);
    return;
  }
  const { email, password } = await askWho(options);
  using anonymous = new Api(out, url);
  const { token } = await anonymous
    .call("AuthService/Login", () => anonymous.auth.login({ email, password }))
    .catch(wrongPassword);
  using api = new Api(out, url, token);
  const userId = args[0] ?? userOf(token);
  const key = await createKey(api, userId, options);
  storeCredentials({ token: key, url });
  await deleteOldKey(out, api, before, key);
  said(out, url, userId);
}

function said(out: Output, url: string, userId: string | undefined): void {
  out.line(userId ? `Logged in to ${url} as ${userId}` : `Key for ${url} kept`);
  out.document({ api_url: url, user_id: userId ?? null, path: credentialsPath() });
}

async function askWho(options: LoginOptions): Promise<{ readonly email: string; readonly password: string }> {
  if (options.passwordStdin) {
    const [first = "", second = ""] = (await readStdin()).split(/\r?\n/);
    return options.email === undefined
      ? { email: first.trim(), password: second }
      : { email: options.email, password: first };
  }
  const email = options.email ?? (await ask("email: ")).trim();
  if (email === "") throw new Failure("usage", "an email is needed", { hint: "--email gives it without a question" });
  return { email, password: await askSecret("password: ", "use --email and --password-stdin") };
}

/** Servers answer a wrong password in several ways; too many tries and the like are told as they are. */
function wrongPassword(error: unknown): never {
  const codes = [Code.Unauthenticated, Code.PermissionDenied, Code.NotFound, Code.InvalidArgument];
  if (!(error instanceof ApiFailure) || !codes.includes(error.code)) throw error;
  throw new Failure("not-logged-in", "the email or the password is wrong", { hint: "try again: `nib login USER_ID`" });
}

/** The most that the user holds: everything, or without what is only nice to have. */
async function createKey(api: Api, userId: string, { readOnly, secrets }: LoginOptions): Promise<string> {
  const looks = readOnly || secrets;
  const needed: readonly string[] = [
    ...(looks ? [] : pushPermissions),
    ...readPermissions,
    ...(secrets ? secretPermissions : []),
  ];
  const most = [...needed, ...extraPermissions];
  const [archives] = administratorPermissions;
  const tries = [
    // A control plane without secrets of orgs does not know what they need.
    ...(looks
      ? []
      : [
          [...most, ...secretPermissions, ...administratorPermissions],
          [...most, archives],
        ]),
    ...(looks ? [] : [[...most, ...secretPermissions]]),
    ...[most, [...needed, "protocol-view-development"], needed],
  ];
  let denied: unknown;
  for (const permissions of tries) {
    try {
      const request = {
        label: `nib@${hostname()}`,
        resource: { resourceType: ResourceType.USER, resourceId: userId },
        permissions: [...permissions],
      };
      return (await api.once("ApiKeyService/Create", () => api.apiKeys.create(request))).apiKey;
    } catch (error) {
      if (!(error instanceof ApiFailure) || !isTooMuch(error)) throw error;
      denied = error;
    }
  }
  throw await deniedKey(api, userId, needed, denied, readOnly ?? false);
}

/** It may not have a permission that was asked for, or there is none of that name. */
const isTooMuch = ({ code, message }: ApiFailure): boolean =>
  code === Code.PermissionDenied || (code === Code.InvalidArgument && message.includes("there is no permission"));

async function deniedKey(
  api: Api,
  userId: string,
  needed: readonly string[],
  error: unknown,
  readOnly: boolean,
): Promise<Failure> {
  const own = await api
    .call("AuthService/ListPermissions", () => api.auth.listPermissions({ userId, orgId: "", includeToken: true }))
    .catch(() => undefined);
  const missing = own ? needed.filter((permission) => !own.permissions.includes(permission)) : [];
  return new Failure("permission-denied", "you may not make a key that can do what nib does", {
    causes:
      missing.length > 0
        ? [`missing: ${missing.join(", ")}`]
        : [error instanceof Error ? error.message : String(error)],
    hint: readOnly
      ? "is USER_ID your own? Leave it out to use the one of your email"
      : "ask an administrator for the role, or log in with --read-only to look, or --secrets for secrets of your orgs",
  });
}

/** One key per machine: the one that this login replaces is worth nothing any more. */
async function deleteOldKey(out: Output, api: Api, before: Credentials | undefined, key: string): Promise<void> {
  const id = before && before.url === api.url ? apiKeyId(before.token) : undefined;
  if (!id || id === apiKeyId(key)) return;
  try {
    await api.call("ApiKeyService/Delete", () => api.apiKeys.delete({ apiKeyId: id }));
  } catch (error) {
    if (error instanceof ApiFailure && error.code === Code.NotFound) return;
    out.warn({ code: "NIB401", message: `the key of the last login could not be deleted: ${String(error)}` });
  }
}

/** The user that a login token is for: a claim in its second part (control-api §1.4.1). */
function userOf(token: string): string {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8"));
    const id = (claims as { resource_id?: unknown } | null)?.resource_id;
    if (typeof id === "string") return id;
  } catch {
    // Falls through to the question for it.
  }
  throw new Failure("usage", "the API did not say who you are", { hint: "give your user id: nib login USER_ID" });
}

async function readStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString("utf8");
}
