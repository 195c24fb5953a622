import net from "node:net";
import { Aedes, type AuthenticateError } from "aedes";
import type { Logger } from "pino";
import type { Caller } from "../auth/caller.ts";
import { type Broker, hostOfStatusTopic, type OnHostStatus } from "./broker.ts";
import { FrameGuard } from "./frame-guard.ts";
import type { MqttAccess } from "./mqtt-access.ts";
import { bridgeVersions } from "./version-bridge.ts";

type MqttClient = Parameters<NonNullable<NonNullable<ConstructorParameters<typeof Aedes>[0]>["authorizeSubscribe"]>>[0];

const notAuthorised = 5;
const mostClients = 20_000;

export interface EmbeddedBrokerOptions {
  readonly host: string;
  /** 0 lets the system choose */
  readonly port: number;
  /** what hosts are told, when it differs from where this listens */
  readonly publicUrl?: string | undefined;
  readonly access: MqttAccess;
  readonly onHostStatus: OnHostStatus;
  readonly log: Logger;
}

/** An MQTT broker in this process, for versions 3.1.1 and 5. Retained messages live as long as the process: hosts say again that they are online. */
export async function startEmbeddedBroker(options: EmbeddedBrokerOptions): Promise<Broker> {
  const { access, log } = options;
  const callers = new WeakMap<MqttClient, Caller>();
  const expiries = new Map<MqttClient, NodeJS.Timeout>();
  const broker = await Aedes.createBroker({
    connectTimeout: 10_000,
    maxTopicLevels: 8,
    authenticate(client, username, password, done) {
      admit(client, username, password?.toString("utf8"))
        .then(() => done(null, true))
        .catch(() =>
          done(Object.assign(new Error("not authorised"), { returnCode: notAuthorised }) as AuthenticateError, false),
        );
    },
    authorizePublish(client, packet, done) {
      const caller = client === null ? undefined : callers.get(client);
      const allowed = client === null || (caller !== undefined && access.mayPublish(caller, packet.topic));
      done(allowed ? null : new Error("not authorised"));
    },
    authorizeSubscribe(client, subscription, done) {
      const caller = callers.get(client);
      const answer = caller === undefined ? Promise.resolve(false) : access.maySubscribe(caller, subscription.topic);
      // A refused filter is answered in the suback; the connection goes on.
      answer.then((allowed) => done(null, allowed ? subscription : null)).catch(() => done(null, null));
    },
  });

  const admit = async (client: MqttClient, username: string | undefined, password: string | undefined) => {
    const caller = await access.identify(username, password);
    // Otherwise one host could take over, and silence, the session of another.
    if (caller.resource.kind === "host" && client.id !== caller.resource.id)
      throw new Error("client id is not the host id");
    if (caller.resource.kind !== "host" && client.id.startsWith("blockvisor-api-"))
      throw new Error("reserved client id");
    callers.set(client, caller);
    const expiresAt = await access.expiryOf(username, password);
    if (expiresAt === undefined) return;
    const timer = setTimeout(() => client.close(), Math.min(expiresAt * 1000 - Date.now(), 2 ** 31 - 1));
    timer.unref();
    expiries.set(client, timer);
  };
  broker.on("clientDisconnect", (client) => {
    clearTimeout(expiries.get(client));
    expiries.delete(client);
  });
  broker.on("clientError", (client, error) => log.debug({ client: client.id, error: error.message }, "mqtt client"));
  broker.on("connectionError", (_client, error) => log.debug({ error: error.message }, "mqtt connection"));
  broker.on("publish", (packet, client) => {
    const hostId = client === null ? undefined : hostOfStatusTopic(packet.topic);
    if (hostId !== undefined) options.onHostStatus(hostId, Buffer.from(packet.payload));
  });

  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    if (sockets.size >= mostClients) {
      socket.destroy();
      return;
    }
    sockets.add(socket);
    const guard = new FrameGuard();
    socket.on("close", () => {
      sockets.delete(socket);
      guard.destroy();
    });
    socket.on("error", () => socket.destroy());
    guard.on("error", () => socket.destroy());
    broker.handle(bridgeVersions(socket, socket.pipe(guard)));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  const { port } = server.address() as net.AddressInfo;
  const shown = options.host === "0.0.0.0" || options.host === "::" ? "127.0.0.1" : options.host;

  return {
    kind: "embedded",
    url: options.publicUrl ?? `mqtt://${shown.includes(":") ? `[${shown}]` : shown}:${port}`,
    connected: () => !broker.closed,
    publish: (topic, payload) =>
      new Promise((resolve, reject) => {
        broker.publish(
          { cmd: "publish", topic, payload: Buffer.from(payload), qos: 1, retain: false, dup: false },
          (error) => (error ? reject(error) : resolve()),
        );
      }),
    async close() {
      for (const timer of expiries.values()) clearTimeout(timer);
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await new Promise<void>((resolve) => broker.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
