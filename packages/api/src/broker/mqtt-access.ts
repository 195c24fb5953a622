import type { AccessTokens } from "../auth/access-token.ts";
import { authenticate } from "../auth/authenticate.ts";
import type { Caller } from "../auth/caller.ts";
import type { Database } from "../database/open-database.ts";
import { hostOfStatusTopic, topicOwner } from "./broker.ts";

/**
 * Who may connect, publish and subscribe (CA-3.1, CA-3.2): hosts read their own commands and say whether they are online;
 * users read what their orgs see; only the server publishes the rest.
 */
export interface MqttAccess {
  /** The token is in the user name (daemon) or the password (console). @throws when it is not good */
  identify(username: string | undefined, password: string | undefined): Promise<Caller>;
  /** Seconds since 1970 at which the session has to end; undefined for API keys. */
  expiryOf(username: string | undefined, password: string | undefined): Promise<number | undefined>;
  mayPublish(caller: Caller, topic: string): boolean;
  maySubscribe(caller: Caller, filter: string): Promise<boolean>;
}

/** How long a broker session outlives its token, so that a client with a slow clock can refresh first. */
const leewaySeconds = 60;

export function createMqttAccess(db: Database, tokens: AccessTokens): MqttAccess {
  const tokenOf = (username: string | undefined, password: string | undefined) =>
    password !== undefined && password !== "" ? password : (username ?? "");
  return {
    identify: (username, password) => authenticate(db, tokens, tokenOf(username, password)),
    async expiryOf(username, password) {
      const token = tokenOf(username, password);
      return token.startsWith("api_") ? undefined : (await tokens.verify(token)).expiresAt + leewaySeconds;
    },
    mayPublish: (caller, topic) =>
      caller.resource.kind === "host" &&
      caller.permissions.has("mqtt-acl") &&
      hostOfStatusTopic(topic) === caller.resource.id,
    async maySubscribe(caller, filter) {
      const owner = topicOwner(filter);
      if (owner === undefined) return false;
      // A host hears only itself; its org's other hosts are none of its business.
      if (caller.resource.kind === "host") return owner.kind === "host" && owner.id === caller.resource.id;
      // Command payloads carry property values, secrets among them: only the host that executes them reads those.
      if (filter.includes("/commands") || filter.includes("#") || filter.includes("+")) return false;
      try {
        await caller.require({
          permission: "mqtt-acl",
          admin: ["mqtt-admin-acl"],
          targets: [{ kind: owner.kind, id: owner.id, field: "topic" }],
        });
        return true;
      } catch {
        return false;
      }
    },
  };
}
