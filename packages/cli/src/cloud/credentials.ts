import { readFileSync, rmSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { Failure, reason, systemCode } from "../failure/failure.ts";
import { replaceFile } from "../files/replace-file.ts";
import type { Output } from "../output/output.ts";

/** `~/.nib.json` (nib-and-images §1.4). Old files have `blockjoy_api_url`. */
const fileSchema = z
  .looseObject({
    token: z.string(),
    nodexeus_api_url: z.string().optional(),
    blockjoy_api_url: z.string().optional(),
  })
  .transform(({ token, nodexeus_api_url, blockjoy_api_url }, context) => {
    const url = nodexeus_api_url ?? blockjoy_api_url;
    if (url !== undefined) return { token, url };
    context.addIssue({ code: "custom", message: "nodexeus_api_url is missing" });
    return z.NEVER;
  });

export interface Credentials {
  /** API key secret, sent as bearer. */
  readonly token: string;
  readonly url: string;
}

export function credentialsPath(): string {
  return join(process.env["HOME"] || homedir(), ".nib.json");
}

/** Where they are looked for: the home directory, then the XDG place. */
function places(): readonly string[] {
  const xdg = process.env["XDG_CONFIG_HOME"];
  return [credentialsPath(), ...(xdg ? [join(xdg, "nib", "nib.json")] : [])];
}

/** The login of this user; `NIB_TOKEN` and `NIB_API_URL` override it, for CI. */
export function readCredentials(out: Output): Credentials {
  const stored = storedCredentials(out);
  const token = process.env["NIB_TOKEN"] || stored?.token;
  const url = process.env["NIB_API_URL"] || stored?.url;
  if (token && url) return { token, url };
  throw new Failure("not-logged-in", "you are not logged in", {
    causes: [`${credentialsPath()} does not exist`],
    hint: "run `nib login USER_ID` first (in CI: set NIB_TOKEN and NIB_API_URL)",
  });
}

export function storedCredentials(out: Output): Credentials | undefined {
  for (const path of places()) {
    let text: string;
    try {
      text = readFileSync(path, "utf8");
    } catch (error) {
      if (systemCode(error) === "ENOENT") continue;
      throw new Failure("file-unreadable", `cannot read ${path}`, { causes: [reason(error)] });
    }
    if ((statSync(path).mode & 0o077) !== 0) {
      out.warn({ code: "NIB401", message: `others can read ${path}, which holds your key: chmod 600 ${path}` });
    }
    return parsed(path, text);
  }
  return undefined;
}

export function storeCredentials({ token, url }: Credentials): void {
  replaceFile(credentialsPath(), JSON.stringify({ token, nodexeus_api_url: url }), 0o600);
}

export function forgetCredentials(): void {
  for (const path of places()) rmSync(path, { force: true });
}

function parsed(path: string, text: string): Credentials {
  const wrong = (why: string) =>
    new Failure("file-unreadable", `${path} cannot be used: ${why}`, { hint: "log in again: `nib login USER_ID`" });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    // The parser's message may quote the file, which holds a secret.
    throw wrong(error instanceof SyntaxError ? "it is not JSON" : reason(error));
  }
  const result = fileSchema.safeParse(json);
  if (result.success) return result.data;
  throw wrong(result.error.issues[0]?.message ?? "it has another form");
}

/** The id of an API key is in the key: `api_` and the UUID's bytes in base64, of either alphabet (control-api §1.4.1). */
export function apiKeyId(token: string): string | undefined {
  const match = /^api_([A-Za-z0-9+/_-]{22})_/.exec(token);
  if (!match) return undefined;
  const digits = Buffer.from(match[1] ?? "", "base64").toString("hex");
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
