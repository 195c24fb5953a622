import { setTimeout as delay } from "node:timers/promises";
import { HostConnectionStatus, HostStatusSchema } from "@blockvisor/wire/blockjoy/common/v1/host";
import { create, toBinary } from "@bufbuild/protobuf";
import mqtt, { type MqttClient } from "mqtt";
import type { Logger } from "pino";
import { brokerAddress } from "./broker-address.ts";

export interface NotificationPort {
  readonly hostId: string;
  /** Where the broker is; asked before each connection, as discovery may say something else later. */
  readonly brokerUrl: () => Promise<string>;
  /** User name of the connection. */
  readonly token: () => Promise<string>;
  /** Connected, the first time or again. */
  readonly onConnected: () => void;
  /** Something may be pending at the API. */
  readonly onWake: () => void;
  /** An error, or a connection that got lost. */
  readonly onFailure: () => void;
  readonly log: Logger;
}

const firstPauseMs = 1_000;
const longestPauseMs = 120_000;
const connectTimeoutMs = 10_000;
const farewellMs = 2_000;

/**
 * The MQTT side of cloud mode: messages only say "ask the API" (spec host-daemon §7.3). Reconnects with growing pauses and a fresh token;
 * a last will tells the API when this host vanishes.
 */
export class Notifications {
  readonly #port: NotificationPort;
  #client: MqttClient | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #stopped = false;
  #connected = false;

  constructor(port: NotificationPort) {
    this.#port = port;
  }

  get connected(): boolean {
    return this.#connected;
  }

  start(): void {
    void this.#connect();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    const client = this.#client;
    if (!client) return;
    // A broker that is gone acknowledges nothing: the last will says the same for us.
    if (this.#connected) await Promise.race([this.#farewell(client), delay(farewellMs)]);
    client.end(true);
  }

  async #farewell(client: MqttClient): Promise<void> {
    await client.publishAsync(...this.#status(HostConnectionStatus.OFFLINE)).catch(() => {});
    await client.endAsync().catch(() => {});
  }

  async #connect(): Promise<void> {
    if (this.#stopped) return;
    try {
      const [url, username] = await Promise.all([this.#port.brokerUrl(), this.#port.token()]);
      const [topic, payload, options] = this.#status(HostConnectionStatus.OFFLINE);
      const client = mqtt.connect({
        ...brokerAddress(url),
        protocolVersion: 5,
        clientId: this.#port.hostId,
        clean: true,
        username,
        password: "",
        keepalive: 30,
        connectTimeout: connectTimeoutMs,
        // We reconnect ourselves: the user name is a token that has to be fresh.
        reconnectPeriod: 0,
        will: { topic, payload, ...options },
      });
      this.#client = client;
      client.on("connect", () => void this.#online(client));
      client.on("message", () => this.#port.onWake());
      client.on("error", (error) => this.#failed(error));
      client.on("close", () => this.#lost(client));
    } catch (error) {
      this.#failed(error as Error);
      this.#again();
    }
  }

  async #online(client: MqttClient): Promise<void> {
    try {
      await client.publishAsync(...this.#status(HostConnectionStatus.ONLINE));
      await client.subscribeAsync(`/hosts/${this.#port.hostId}/commands`, { qos: 1 });
      this.#connected = true;
      this.#failures = 0;
      this.#port.log.info("connected to the message broker");
      this.#port.onConnected();
      this.#port.onWake();
    } catch (error) {
      this.#port.log.warn(`mqtt: ${(error as Error).message}`);
      client.end(true);
    }
  }

  #lost(client: MqttClient): void {
    if (this.#client !== client) return;
    this.#client = undefined;
    if (this.#connected) {
      this.#port.onFailure();
      this.#port.log.warn("connection to the message broker lost");
    }
    this.#connected = false;
    client.removeAllListeners();
    client.on("error", () => {});
    this.#port.onWake();
    this.#again();
  }

  #failed(error: Error): void {
    this.#port.onFailure();
    this.#port.log.debug(`mqtt: ${error.message}`);
  }

  #again(): void {
    if (this.#stopped) return;
    const pause = Math.min(firstPauseMs * 2 ** this.#failures, longestPauseMs) * (0.8 + Math.random() * 0.4);
    this.#failures += 1;
    this.#timer = setTimeout(() => void this.#connect(), pause).unref();
  }

  #status(connectionStatus: HostConnectionStatus): [string, Buffer, { readonly qos: 1; readonly retain: true }] {
    const { hostId } = this.#port;
    const message = create(HostStatusSchema, { hostId, connectionStatus });
    return [`/bv/hosts/${hostId}/status`, Buffer.from(toBinary(HostStatusSchema, message)), { qos: 1, retain: true }];
  }
}
