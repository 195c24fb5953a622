import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { Failure, systemCode } from "../failure/failure.ts";
import type { Output } from "../output/output.ts";
import { hostConfigPath, stateDirectory } from "../place/root.ts";
import { Api } from "./api.ts";

const configSchema = z.looseObject({
  id: z.string().default(""),
  token: z.string(),
  refresh_token: z.string(),
  nodexeus_api_url: z.string().nullish(),
  blockjoy_api_url: z.string().nullish(),
});

interface HostLogin {
  readonly url: string;
  readonly token: string;
  readonly hostId: string;
}

/** A token that is about to end is renewed, in seconds. */
const marginSecs = 30;

/** As `hostLogin`; undefined for those who may not read it, for whom the daemon does what is safe (host-daemon DB-2.12). */
export async function asHost(out: Output): Promise<HostLogin | undefined> {
  try {
    return await hostLogin(out);
  } catch (error) {
    if (error instanceof Failure && error.kind === "file-unreadable") return undefined;
    throw error;
  }
}

/**
 * How this host logs in at the control plane. An expired token is renewed for this call only: the file belongs to the daemon,
 * which keeps what it renews there (host-daemon §7.2). Errors `not-registered`, `file-unreadable` (DB-2.12: the login is root's).
 */
export async function hostLogin(out: Output): Promise<HostLogin> {
  const config = readConfig();
  const url = config?.nodexeus_api_url ?? config?.blockjoy_api_url;
  if (!config || !url) {
    throw new Failure("not-registered", "Failed to load host configuration - need to init first", {
      hint: "register the machine at a control plane: bvup TOKEN",
    });
  }
  if (!expiresSoon(config.token)) return { url, token: config.token, hostId: config.id };
  using api = new Api(out, url);
  const request = { token: config.token, refresh: config.refresh_token };
  const { token } = await api.call("AuthService/Refresh", () => api.auth.refresh(request));
  return { url, token, hostId: config.id };
}

/** Tokens are in `blockvisor.json` as bvup leaves it, and in the daemon's own `auth.json` from its first start on (DB-1.2). */
function readConfig() {
  const config = readJson(hostConfigPath());
  return configSchema.safeParse({ ...config, ...readJson(join(stateDirectory(), "auth.json")) }).data;
}

function readJson(path: string): object | undefined {
  try {
    const document: unknown = JSON.parse(readFileSync(path, "utf8"));
    return typeof document === "object" && document !== null ? document : undefined;
  } catch (error) {
    if (systemCode(error) !== "EACCES") return undefined;
    throw new Failure(
      "file-unreadable",
      `${path} is for root only: this talks to the control plane as the host itself`,
      {
        hint: "run it as root; what goes through the daemon needs only the group blockvisor",
      },
    );
  }
}

export function expiresSoon(token: string): boolean {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8"));
    const expiry = (claims as { exp?: unknown } | null)?.exp;
    return typeof expiry === "number" && expiry - marginSecs < Date.now() / 1000;
  } catch {
    return false;
  }
}
