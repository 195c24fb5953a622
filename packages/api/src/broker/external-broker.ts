import { randomUUID } from "node:crypto";
import { connectAsync } from "mqtt";
import type { Logger } from "pino";
import { type Broker, hostOfStatusTopic, type OnHostStatus } from "./broker.ts";
import { brokerAddress } from "./broker-address.ts";

/** Every replica subscribes through one group, so each status message is handled once. */
const sharedStatus = "$share/blockvisor-api//bv/hosts/+/status";
const connectTimeoutMs = 10_000;

export interface ExternalBrokerOptions {
  readonly url: string;
  readonly publicUrl?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly onHostStatus: OnHostStatus;
  readonly log: Logger;
}

/**
 * A broker that runs elsewhere (EMQX, Mosquitto, …). It asks /mqtt/auth and /mqtt/acl about other clients.
 * @throws when it cannot be reached or refuses the status subscription: without it no host would ever be online
 */
export async function connectExternalBroker(options: ExternalBrokerOptions): Promise<Broker> {
  const { log, url } = options;
  const client = await connectAsync(
    "",
    {
      ...brokerAddress(url),
      protocolVersion: 5,
      clientId: `blockvisor-api-${randomUUID()}`,
      connectTimeout: connectTimeoutMs,
      reconnectPeriod: 1000,
      ...(options.username === undefined ? {} : { username: options.username }),
      ...(options.password === undefined ? {} : { password: options.password }),
    },
    false,
  ).catch((error: Error) => {
    throw new Error(`The MQTT broker ${withoutCredentials(url)} cannot be used: ${error.message || "no connection"}.`);
  });
  client.on("error", (error) => log.warn({ error: error.message }, "mqtt broker"));
  client.on("message", (topic, payload) => {
    const hostId = hostOfStatusTopic(topic);
    if (hostId !== undefined) options.onHostStatus(hostId, payload);
  });
  const granted = await client.subscribeAsync(sharedStatus, { qos: 1 });
  if (granted.some((grant) => grant.qos > 2)) {
    await client.endAsync(true);
    throw new Error(`The MQTT broker ${withoutCredentials(url)} refused the subscription ${sharedStatus}.`);
  }
  return {
    kind: "external",
    url: options.publicUrl ?? withoutCredentials(url),
    connected: () => client.connected,
    async publish(topic, payload) {
      if (!client.connected) throw new Error("the MQTT broker is not connected");
      await client.publishAsync(topic, Buffer.from(payload), { qos: 1 });
    },
    close: () => client.endAsync(),
  };
}

function withoutCredentials(url: string): string {
  const parsed = new URL(url);
  return `${parsed.protocol}//${parsed.host}`;
}
