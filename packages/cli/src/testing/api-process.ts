import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const startLimitMs = 60_000;

/** A real control plane on free ports, with its own database, until `close`. */
export interface ApiProcess {
  readonly url: string;
  readonly userId: string;
  readonly email: string;
  readonly password: string;
  close(): Promise<void>;
}

export async function startApiProcess(): Promise<ApiProcess> {
  const directory = mkdtempSync(join(tmpdir(), "bv-cli-api-"));
  const main = join(import.meta.dirname, "../../../api/src/main.ts");
  const args = [main, "serve", "--data-dir", directory, "--port", "0", "--mqtt-port", "0"];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  const close = async () => {
    await ended(child);
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    const said = await output(child, /mqtt: +\S+/);
    const field = (pattern: RegExp) => pattern.exec(said)?.[1] ?? "";
    return {
      url: field(/api: +(\S+)/),
      userId: field(/user id: +(\S+)/),
      email: field(/email: +(\S+)/),
      password: field(/password: +(\S+)/),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What a process printed, once it printed `pattern`. */
function output(child: ChildProcess, pattern: RegExp): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let stdout = "";
  let stderr = "";
  const timer = setTimeout(() => reject(new Error(`the API did not start:\n${stdout}${stderr}`)), startLimitMs);
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    if (pattern.test(stdout)) resolve(stdout);
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  child.once("exit", (code) => reject(new Error(`the API ended with ${code}:\n${stdout}${stderr}`)));
  return promise.finally(() => clearTimeout(timer));
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await exit;
}

/** The provision token of the administrator's own organisation. */
export async function provisionToken(api: ApiProcess): Promise<string> {
  const call = async (method: string, message: object, jwt = ""): Promise<Record<string, unknown>> => {
    const response = await fetch(`${api.url}/blockjoy.v1.${method}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...(jwt && { authorization: `Bearer ${jwt}` }) },
      body: JSON.stringify(message),
    });
    if (!response.ok) throw new Error(`${method}: ${await response.text()}`);
    return (await response.json()) as Record<string, unknown>;
  };
  const { token: jwt } = await call("AuthService/Login", { email: api.email, password: api.password });
  const { orgs } = await call("OrgService/List", { limit: "1" }, String(jwt));
  const [org] = orgs as readonly { readonly orgId: string }[];
  const { token } = await call("OrgService/GetProvisionToken", { userId: api.userId, orgId: org?.orgId }, String(jwt));
  return String(token);
}
