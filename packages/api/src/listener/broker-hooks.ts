import { timingSafeEqual } from "node:crypto";
import { z } from "zod";
import type { MqttAccess } from "../broker/mqtt-access.ts";
import { sha256 } from "../secrets/random-text.ts";
import type { HttpRequest } from "./http-routes.ts";

const largestBody = 16 * 1024;

const authBody = z.object({
  username: z.string().optional(),
  password: z.string().optional(),
  clientid: z.string().optional(),
});
const aclBody = z.object({
  operation: z.enum(["publish", "subscribe", "1", "2"]),
  username: z.string().optional(),
  password: z.string().optional(),
  topic: z.string(),
});

type Answer = {
  readonly status: number;
  readonly body: { readonly result: "allow" | "deny" } | { readonly message: string };
};

const allow: Answer = { status: 200, body: { result: "allow" } };
const deny: Answer = { status: 200, body: { result: "deny" } };

/** The questions an external broker asks about its clients (spec §3.7, CA-3.1, CA-3.2). Deny is the answer to anything odd. */
export async function answerBrokerHook(
  secret: string | undefined,
  access: MqttAccess,
  path: "/mqtt/auth" | "/mqtt/acl",
  request: HttpRequest,
): Promise<Answer> {
  const given = /^Bearer (.+)$/.exec(String(request.headers["authorization"] ?? ""))?.[1] ?? "";
  if (secret === undefined) return { status: 404, body: { message: "Not found." } };
  if (!timingSafeEqual(sha256(given), sha256(secret))) return { status: 401, body: { message: "Wrong hook secret." } };
  const body = await readJson(request);
  try {
    if (path === "/mqtt/auth") {
      const { username, password, clientid } = authBody.parse(body);
      const caller = await access.identify(username, password);
      const ownId = caller.resource.kind !== "host" || clientid === caller.resource.id;
      return ownId && clientid?.startsWith("blockvisor-api-") !== true ? allow : deny;
    }
    const { operation, username, password, topic } = aclBody.parse(body);
    const caller = await access.identify(username, password);
    const publishing = operation === "publish" || operation === "1";
    const allowed = publishing ? access.mayPublish(caller, topic) : await access.maySubscribe(caller, topic);
    return allowed ? allow : deny;
  } catch {
    return deny;
  }
}

async function readJson(request: HttpRequest): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > largestBody) return undefined;
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    return undefined;
  }
}
