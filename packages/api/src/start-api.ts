import { readFile } from "node:fs/promises";
import path from "node:path";
import { type Logger, pino } from "pino";
import { scheduleGarbage } from "./archives/lifecycle/scheduled-garbage.ts";
import { ManifestCache } from "./archives/manifest/manifest-cache.ts";
import { openArchiveStore } from "./archives/open-archive-store.ts";
import { isWritable } from "./archives/versions/is-writable.ts";
import { createAccessTokens } from "./auth/access-token.ts";
import { admission } from "./auth/admission.ts";
import { authorisation, errorBoundary } from "./auth/interceptor.ts";
import { createLoginThrottle } from "./auth/login-throttle.ts";
import { createSessions } from "./auth/session.ts";
import type { Broker, OnHostStatus } from "./broker/broker.ts";
import { startEmbeddedBroker } from "./broker/embedded-broker.ts";
import { connectExternalBroker } from "./broker/external-broker.ts";
import { createMqttAccess, type MqttAccess } from "./broker/mqtt-access.ts";
import { createBundleSource } from "./bundles/bundle-source.ts";
import { startCaretaker } from "./caretaker.ts";
import { parseSettings, type Settings, type SettingsInput } from "./configuration/settings.ts";
import { locationOf, openDatabase } from "./database/open-database.ts";
import { type AdminCredentials, firstStart } from "./first-start.ts";
import { hostStatusHandler } from "./hosts/host-status.ts";
import { type HttpRoute, httpRoutes } from "./listener/http-routes.ts";
import { type Listener, listen } from "./listener/listener.ts";
import { requestHandler } from "./listener/request-handler.ts";
import { startOutbox } from "./outbox/outbox.ts";
import type { Platform } from "./platform.ts";
import { rpcRoutes } from "./rpc-routes.ts";
import { fingerprint, loadKeys } from "./secrets/key-file.ts";
import { createVault } from "./secrets/vault.ts";

export interface RunningApi {
  /** where gRPC, gRPC-Web, Connect and plain HTTP are served */
  readonly url: string;
  /** what hosts are told to connect to */
  readonly mqttUrl: string;
  /** only when this start made the first administrator */
  readonly adminCredentials?: AdminCredentials;
  /** Finishes what is in flight, then stops everything. Safe to call twice. */
  close(): Promise<void>;
}

export type ApiOptions = Partial<SettingsInput> & Pick<SettingsInput, "dataDir"> & { readonly log?: Logger };

/**
 * Starts the control plane in this process. With nothing but `dataDir` everything is embedded: PGlite and an MQTT broker.
 * Port 0 (`port`, `mqttPort`) lets the system choose.
 * @throws an Error that says what is wrong with the configuration, database, broker or keys; nothing stays running then
 */
export async function startApi(options: ApiOptions): Promise<RunningApi> {
  const { log: givenLog, ...input } = options;
  const settings = parseSettings(input);
  const log = givenLog ?? pino({ level: settings.logLevel }, pino.destination({ dest: 2, sync: true }));
  const stops: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (let next = stops.pop(); next !== undefined; next = stops.pop()) await next();
  };
  try {
    return await start(settings, log, stops, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(
  settings: Settings,
  log: Logger,
  stops: (() => Promise<void>)[],
  stop: () => Promise<void>,
): Promise<RunningApi> {
  const database = await openDatabase(locationOf(settings, settings.databaseConnections));
  stops.push(() => database.close());
  const { db } = database;
  const keys = await loadKeys(path.join(settings.dataDir, "keys.json"));
  const vault = createVault(keys.master);
  const adminCredentials = await firstStart(db, {
    vault,
    masterFingerprint: fingerprint(keys.master),
    adminEmail: settings.adminEmail,
    provisionTokenLife: settings.provisionTokenLife,
  });

  const { objects, ...archiveStore } = await openArchiveStore(settings, keys.master, log);
  const tokens = createAccessTokens(keys.access, settings.tokenLife);
  const access = createMqttAccess(db, tokens);
  // The broker reports hosts before the outbox exists that would tell others about it.
  let onHostStatus: OnHostStatus = () => {};
  const broker = await startBroker(settings, access, log, (hostId, payload) => onHostStatus(hostId, payload));
  stops.push(() => broker.close());
  const outbox = startOutbox(db, broker, log);
  stops.push(() => outbox.close());

  const platform: Platform = {
    db,
    outbox,
    broker,
    tokens,
    vault,
    settings,
    log,
    sessions: createSessions(keys.refresh, {
      life: {
        user: settings.userRefreshLife,
        org: settings.userRefreshLife,
        host: settings.hostRefreshLife,
        node: settings.hostRefreshLife,
      },
      absoluteUserLife: settings.userSessionLife,
    }),
    throttle: createLoginThrottle(),
    bundles: createBundleSource(settings.bundleDir),
    objects,
    manifests: new ManifestCache(objects),
  };
  const hostStatus = hostStatusHandler(platform);
  onHostStatus = hostStatus.receive;
  stops.push(() => hostStatus.settled());
  const caretaker = startCaretaker(platform);
  stops.push(() => caretaker.close());
  const garbage = scheduleGarbage(platform, settings.archiveGcInterval);
  stops.push(() => garbage.close());

  const listener = await startListener(
    platform,
    access,
    archiveStore.serve?.((key) => isWritable(db, key)),
  );
  stops.push(() => listener.close());
  log.info({ url: listener.url, mqtt: broker.url }, "blockvisor-api is ready");
  return {
    url: listener.url,
    mqttUrl: broker.url,
    ...(adminCredentials === undefined ? {} : { adminCredentials }),
    close: stop,
  };
}

function startBroker(settings: Settings, access: MqttAccess, log: Logger, onHostStatus: OnHostStatus): Promise<Broker> {
  return settings.mqttUrl === undefined
    ? startEmbeddedBroker({
        host: settings.host,
        port: settings.mqttPort,
        publicUrl: settings.mqttPublicUrl,
        access,
        onHostStatus,
        log,
      })
    : connectExternalBroker({
        url: settings.mqttUrl,
        publicUrl: settings.mqttPublicUrl,
        username: settings.mqttUsername,
        password: settings.mqttPassword,
        onHostStatus,
        log,
      });
}

async function startListener(
  platform: Platform,
  access: MqttAccess,
  archiveObjects: HttpRoute | undefined,
): Promise<Listener> {
  const { settings } = platform;
  let url = "";
  const handler = requestHandler({
    routes: rpcRoutes(platform, () => url),
    admit: admission(platform.db, platform.tokens, platform.log),
    interceptors: [errorBoundary(platform.log), authorisation(platform.db, platform.tokens)],
    consoleOrigins: settings.consoleOrigins,
    otherwise: httpRoutes(platform, access, archiveObjects),
  });
  const tls = await readTls(settings);
  const listener = await listen({
    host: settings.host,
    port: settings.port,
    concurrency: settings.concurrency,
    handler,
    ...(tls === undefined ? {} : { tls }),
  });
  url = listener.url;
  return listener;
}

async function readTls({ tlsCert, tlsKey }: Settings) {
  if (tlsCert === undefined || tlsKey === undefined) return undefined;
  return { cert: await readFile(tlsCert), key: await readFile(tlsKey) };
}
