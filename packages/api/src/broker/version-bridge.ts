import { Duplex, PassThrough, Transform } from "node:stream";
import mqttPacket, { type Packet } from "mqtt-packet";

/** Reason codes of MQTT 5 for the return codes of MQTT 3.1.1. */
const connectReasons: Readonly<Record<number, number>> = { 0: 0x00, 1: 0x84, 2: 0x85, 3: 0x88, 4: 0x86, 5: 0x87 };
const refusedGrant = 0x80;
const notAuthorised = 0x87;
const disconnectWithWill = 0x04;

/**
 * Lets MQTT 5 clients talk to a broker that knows 3.1.1. What hosts use of version 5 (connect, will, publish, subscribe, QoS 1)
 * means the same in both, so packets are rewritten one by one; properties are dropped. Of 3.1.1 clients nothing changes.
 */
export function bridgeVersions(socket: Duplex, guarded: NodeJS.ReadableStream): Duplex {
  const settings: { protocolVersion?: number } = {};
  const unsubscribing = new Map<number, number>();
  const inbound = rewriter(settings, (packet, push) => {
    if (packet.cmd === "connect") {
      if (packet.protocolVersion === 5) settings.protocolVersion = 5;
      push(mqttPacket.generate(settings.protocolVersion === 5 ? asOlder(packet) : packet));
      return;
    }
    // Only a disconnect without one cancels the will in 3.1.1; with the will, the connection just ends.
    if (packet.cmd === "disconnect" && packet.reasonCode === disconnectWithWill) {
      socket.destroy();
      return;
    }
    if (packet.cmd === "unsubscribe") unsubscribing.set(packet.messageId ?? 0, packet.unsubscriptions.length);
    push(mqttPacket.generate(settings.protocolVersion === 5 ? asOlder(packet) : packet));
  });
  const outbound = rewriter({ protocolVersion: 4 }, (packet, push) => {
    if (settings.protocolVersion !== 5) push(mqttPacket.generate(packet));
    else push(mqttPacket.generate(asNewer(packet, unsubscribing), { protocolVersion: 5 }));
  });
  outbound.pipe(socket);
  const readable = new PassThrough();
  guarded.pipe(inbound).pipe(readable);
  for (const stream of [inbound, outbound]) stream.on("error", () => socket.destroy());
  socket.once("close", () => {
    readable.end();
    for (const stream of [inbound, outbound]) stream.destroy();
  });
  return Duplex.from({ readable, writable: outbound }).once("close", () => socket.destroy());
}

function rewriter(settings: object, rewrite: (packet: Packet, push: (bytes: Buffer) => void) => void): Transform {
  const parser = mqttPacket.parser(settings);
  const transform = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      try {
        parser.parse(chunk);
        done();
      } catch (error) {
        done(error instanceof Error ? error : new Error(String(error)));
      }
    },
  });
  parser.on("packet", (packet: Packet) => rewrite(packet, (bytes) => transform.push(bytes)));
  parser.on("error", (error: Error) => transform.destroy(error));
  return transform;
}

function asOlder(packet: Packet): Packet {
  const { properties: _properties, ...rest } = packet as Packet & { properties?: unknown };
  switch (rest.cmd) {
    case "connect": {
      const { properties: _will, ...will } = (rest.will ?? {}) as NonNullable<typeof rest.will> & {
        properties?: unknown;
      };
      return { ...rest, protocolVersion: 4, ...(rest.will === undefined ? {} : { will }) } as Packet;
    }
    case "subscribe":
      return { ...rest, subscriptions: rest.subscriptions.map(({ topic, qos }) => ({ topic, qos })) };
    default:
      return rest as Packet;
  }
}

function asNewer(packet: Packet, unsubscribing: Map<number, number>): Packet {
  switch (packet.cmd) {
    case "connack":
      return { ...packet, reasonCode: connectReasons[packet.returnCode ?? 0] ?? notAuthorised };
    case "suback":
      return {
        ...packet,
        granted: (packet.granted as number[]).map((code) => (code === refusedGrant ? notAuthorised : code)),
      };
    case "unsuback": {
      const count = unsubscribing.get(packet.messageId ?? 0) ?? 1;
      unsubscribing.delete(packet.messageId ?? 0);
      return { ...packet, granted: Array.from({ length: count }, () => 0) };
    }
    default:
      return packet;
  }
}
