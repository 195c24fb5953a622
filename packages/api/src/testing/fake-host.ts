import assert from "node:assert/strict";
import { HostConnectionStatus, HostStatusSchema, ScheduleType } from "@blockvisor/wire/blockjoy/common/v1/host";
import { type Command, CommandExitCode } from "@blockvisor/wire/blockjoy/v1/command";
import { create, toBinary } from "@bufbuild/protobuf";
import { connectAsync, type MqttClient } from "mqtt";
import { type Clients, clients } from "./clients.ts";

export interface Machine {
  readonly name: string;
  readonly ips: readonly string[];
  readonly isPrivate?: boolean;
  readonly regionId: string;
  readonly cpuCores?: bigint;
}

/** A machine as `bvup` and `blockvisord` would make it, speaking gRPC and MQTT for real. */
export interface RegisteredHost {
  readonly hostId: string;
  readonly token: string;
  readonly refresh: string;
  readonly as: Clients;
}

export async function registerHost(url: string, provisionToken: string, machine: Machine): Promise<RegisteredHost> {
  const { host, token, refresh } = await clients(url).host.createHost({
    provisionToken,
    isPrivate: machine.isPrivate ?? true,
    networkName: machine.name,
    regionId: machine.regionId,
    scheduleType: ScheduleType.AUTOMATIC,
    os: "Debian GNU/Linux",
    osVersion: "12",
    bvVersion: "0.1.0",
    ipAddress: "10.9.0.1",
    ipGateway: "10.9.0.254",
    ips: [...machine.ips],
    cpuCores: machine.cpuCores ?? 16n,
    memoryBytes: 64_000_000_000n,
    diskBytes: 1_000_000_000_000n,
    tags: { tags: [{ name: "testing" }] },
  });
  assert.ok(host);
  return { hostId: host.hostId, token, refresh, as: clients(url, token) };
}

/** Connects a host to the broker: last will, subscription, "online". */
export async function connectHost(
  mqttUrl: string,
  host: RegisteredHost,
  protocolVersion: 4 | 5 = 4,
): Promise<HostConnection> {
  const topic = `/bv/hosts/${host.hostId}/status`;
  const status = (connectionStatus: HostConnectionStatus) =>
    Buffer.from(toBinary(HostStatusSchema, create(HostStatusSchema, { hostId: host.hostId, connectionStatus })));
  const mqtt = await connectAsync(mqttUrl, {
    protocolVersion,
    clientId: host.hostId,
    username: host.token,
    clean: true,
    reconnectPeriod: 0,
    will: { topic, payload: status(HostConnectionStatus.OFFLINE), qos: 1, retain: true },
  });
  const notices = new NoticeBoard(mqtt);
  await mqtt.subscribeAsync(`/hosts/${host.hostId}/commands`, { qos: 1 });
  await mqtt.publishAsync(topic, status(HostConnectionStatus.ONLINE), { qos: 1, retain: true });
  return { mqtt, notices };
}

export interface HostConnection {
  readonly mqtt: MqttClient;
  readonly notices: NoticeBoard;
}

/** Messages as they come, to be awaited one by one. */
class NoticeBoard {
  readonly #arrived: { readonly topic: string; readonly payload: Buffer }[] = [];
  readonly #waiting: (() => void)[] = [];

  constructor(mqtt: MqttClient) {
    mqtt.on("message", (topic, payload) => {
      this.#arrived.push({ topic, payload });
      this.#waiting.shift()?.();
    });
  }

  async next(): Promise<{ readonly topic: string; readonly payload: Buffer }> {
    while (this.#arrived.length === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    const first = this.#arrived.shift();
    assert.ok(first);
    return first;
  }
}

/** Fetches and acknowledges what is pending, as the daemon does. */
export async function takeCommands(host: RegisteredHost): Promise<readonly Command[]> {
  const { commands } = await host.as.command.pending({ hostId: host.hostId });
  for (const { commandId } of commands) await host.as.command.ack({ commandId });
  return commands;
}

export const kindOf = (command: Command | undefined): string | undefined => command?.command.value?.command.case;

/** Takes what is pending and reports the same result for each. @returns their kinds */
export async function finishCommands(host: RegisteredHost, exitCode = CommandExitCode.OK, exitMessage?: string) {
  const commands = await takeCommands(host);
  for (const { commandId } of commands) {
    await host.as.command.update({ commandId, exitCode, ...(exitMessage === undefined ? {} : { exitMessage }) });
  }
  return commands.map(kindOf);
}
