import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { DiscoveryService } from "@blockvisor/wire/blockjoy/v1/discovery";
import { Api } from "../../../cloud/api.ts";
import { asHost } from "../../../cloud/host-login.ts";
import { Failure, reason } from "../../../failure/failure.ts";
import type { Output } from "../../../output/output.ts";
import { type Finding, ok, type Patient, warning } from "../finding.ts";

const answerMs = 5_000;
const fix = "check network and firewall for this port; until then commands wait until the daemon asks for them";

/** Whether the message broker can be reached, which wakes the daemon up when there are commands for it (host-daemon §7.3). */
export async function checkBroker({ config, signal }: Patient, out: Output): Promise<readonly Finding[]> {
  const url = config?.nodexeus_api_url ?? config?.blockjoy_api_url;
  if (config?.mode === "dev" || typeof url !== "string") return [ok("mqtt", "no message broker is used here")];
  let broker = config?.nodexeus_mqtt_url ?? config?.blockjoy_mqtt_url;
  try {
    if (typeof broker !== "string") broker = await discovered(out);
  } catch (failure) {
    if (!(failure instanceof Failure)) throw failure;
    signal.throwIfAborted();
    return [
      warning("mqtt", `the control plane does not tell where its broker is: ${failure.message}`, "see the finding api"),
    ];
  }
  if (typeof broker !== "string") return [ok("mqtt", "where the broker is is told to root only")];
  const place = brokerPlace(broker);
  if (place === undefined)
    return [warning("mqtt", `'${broker}' is no address of a broker`, "correct nodexeus_mqtt_url in blockvisor.json")];
  const { host, port } = place;
  try {
    await reach(place, AbortSignal.any([signal, AbortSignal.timeout(answerMs)]));
    return [ok("mqtt", `the broker at ${host}:${port} can be reached`)];
  } catch (failure) {
    signal.throwIfAborted();
    return [warning("mqtt", `the broker at ${host}:${port} does not answer: ${reason(failure)}`, fix)];
  }
}

/** As the daemon finds it; undefined for those who may not log in as the host. */
async function discovered(out: Output): Promise<string | undefined> {
  const login = await asHost(out);
  if (login === undefined) return undefined;
  using api = new Api(out, login.url, login.token);
  return (await api.once("DiscoveryService/Services", () => api.client(DiscoveryService).services({}))).notificationUrl;
}

interface Place {
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
}

/** The API may name it as a URL or as `host:port`; port 8883 means TLS (host-daemon §1.3). */
function brokerPlace(broker: string): Place | undefined {
  const [, scheme = "mqtt", rest = ""] = /^(?:([a-z]+):\/\/)?(.*)$/.exec(broker) ?? [];
  // A scheme that URL knows no default port for, so that it leaves the port as it is written.
  const url = URL.parse(`broker://${rest}`);
  if (!url || url.hostname === "") return undefined;
  const secure = /^(mqtts|ssl|tls|wss)$/.test(scheme) || url.port === "8883";
  const usual = scheme.startsWith("ws") ? (secure ? 443 : 80) : secure ? 8883 : 1883;
  return { host: url.hostname.replace(/^\[(.*)\]$/, "$1"), port: url.port === "" ? usual : Number(url.port), secure };
}

/** A connection, with TLS to somebody whose certificate is good; nothing is said on it. */
async function reach({ host, port, secure }: Place, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket: Socket = secure ? connectTls({ host, port, servername: host }) : connectTcp({ host, port });
  const giveUp = (): void => reject(new Error(`no answer within ${answerMs / 1000} s`));
  signal.addEventListener("abort", giveUp, { once: true });
  socket.once(secure ? "secureConnect" : "connect", () => resolve()).once("error", reject);
  try {
    await promise;
  } finally {
    signal.removeEventListener("abort", giveUp);
    socket.destroy();
  }
}
