import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { FirewallAction } from "@blockvisor/wire/blockjoy/common/v1/config";
import { ScheduleType } from "@blockvisor/wire/blockjoy/common/v1/host";
import { UiType, Visibility } from "@blockvisor/wire/blockjoy/common/v1/protocol";
import { AuthService } from "@blockvisor/wire/blockjoy/v1/auth";
import { CommandService } from "@blockvisor/wire/blockjoy/v1/command";
import { HostService } from "@blockvisor/wire/blockjoy/v1/host";
import { ImageService } from "@blockvisor/wire/blockjoy/v1/image";
import { NodeService } from "@blockvisor/wire/blockjoy/v1/node";
import { OrgService } from "@blockvisor/wire/blockjoy/v1/org";
import { ProtocolService } from "@blockvisor/wire/blockjoy/v1/protocol";
import { HostFactsService } from "@blockvisor/wire/blockvisor/hosts/v1/facts";
import { SecretStoreService } from "@blockvisor/wire/blockvisor/secrets/v1/secrets";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { until } from "./until.ts";

const main = fileURLToPath(new URL("../../../api/src/main.ts", import.meta.url));

export const versionKey = { protocolKey: "test", variantKey: "test-main" };

export interface ApiProcess {
  readonly url: string;
  readonly admin: AdminClients;
  readonly orgId: string;
  /** Registers a machine as `bvup` does; the answer goes into `blockvisor.json`. */
  registerHost(
    name: string,
    network: { readonly hostIp: string; readonly ips: readonly string[] },
  ): Promise<RegisteredHost>;
  /** Ends the API and its broker, keeping its data and ports. */
  stop(): Promise<void>;
  start(): Promise<void>;
  remove(): Promise<void>;
}

interface RegisteredHost {
  readonly id: string;
  readonly token: string;
  readonly refreshToken: string;
}

type AdminClients = ReturnType<typeof clients>;

/** The real control plane as a process of its own, with its embedded database and broker, and an administrator signed in. */
export async function startApiProcess(): Promise<ApiProcess> {
  const folder = await mkdtemp(join(tmpdir(), "bv-host-api-"));
  let child: ChildProcess | undefined;
  let text = "";
  const ports = { api: "0", mqtt: "0" };

  const start = async (): Promise<void> => {
    text = "";
    const args = [main, "serve", "--data-dir", folder, "--port", ports.api, "--mqtt-port", ports.mqtt];
    const started = spawn(process.execPath, args, {
      env: { PATH: process.env["PATH"], NODE_COMPILE_CACHE: join(tmpdir(), "blockvisor-compile-cache") },
      stdio: ["ignore", "pipe", "pipe"],
    });
    child = started;
    started.stdout.on("data", (data: Buffer) => (text += data.toString()));
    started.stderr.on("data", (data: Buffer) => (text += data.toString()));
    try {
      await until(
        async () => /^mqtt: /m.test(text) || started.exitCode !== null,
        async () => text,
      );
      if (started.exitCode !== null) throw new Error(`blockvisor-api did not start: ${text}`);
    } catch (error) {
      started.kill("SIGKILL");
      throw error;
    }
  };
  const stop = async (): Promise<void> => {
    if (!child || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child?.once("exit", resolve));
    child.kill("SIGTERM");
    await ended;
  };
  const said = (pattern: RegExp): string => pattern.exec(text)?.[1] ?? "";

  await start();
  const url = said(/^api: +(\S+)/m);
  ports.api = new URL(url).port;
  ports.mqtt = new URL(said(/^mqtt: +(\S+)/m)).port;
  const [email, password, provisionToken] = [
    said(/email: +(\S+)/),
    said(/password: +(\S+)/),
    said(/provision token: +(\S+)/),
  ];
  const userId = said(/user id: +(\S+)/);
  const { token } = await clients(url).auth.login({ email, password });
  const admin = clients(url, token);
  const { orgs } = await admin.org.list({ memberId: userId, limit: 10n });

  return {
    url,
    admin,
    orgId: orgs[0]?.orgId ?? "",
    registerHost: async (name, { hostIp, ips }) => {
      const { region } = await clients(url).host.getRegion({ region: { case: "regionKey", value: "local" } });
      const answer = await clients(url).host.createHost({
        provisionToken,
        isPrivate: true,
        networkName: name,
        regionId: region?.regionId ?? "",
        scheduleType: ScheduleType.AUTOMATIC,
        os: "Linux",
        osVersion: "1",
        bvVersion: "0.1.0",
        ipAddress: hostIp,
        ipGateway: hostIp,
        ips: [...ips],
        cpuCores: 16n,
        memoryBytes: 64_000_000_000n,
        diskBytes: 1_000_000_000_000n,
      });
      return { id: answer.host?.hostId ?? "", token: answer.token, refreshToken: answer.refresh };
    },
    start,
    stop,
    remove: async () => {
      await stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Pushes one version of an image as `nib image push` does. Returns the image's id. */
export async function pushImage(admin: AdminClients, semanticVersion: string, imageUri: string): Promise<string> {
  const { protocols } = await admin.protocol.listProtocols({ limit: 10n });
  if (!protocols.some(({ key }) => key === versionKey.protocolKey)) {
    const { protocol } = await admin.protocol.addProtocol({ key: versionKey.protocolKey, name: "Test" });
    await admin.protocol.updateProtocol({ protocolId: protocol?.protocolId ?? "", visibility: Visibility.PUBLIC });
  }
  const { version } = await admin.protocol.addVersion({ versionKey, semanticVersion, skuCode: "SKU" });
  const protocolVersionId = version?.protocolVersionId ?? "";
  await admin.protocol.updateVersion({ protocolVersionId, visibility: Visibility.PUBLIC });
  const { image } = await admin.image.addImage({
    protocolVersionId,
    imageUri,
    properties: [{ key: "color", defaultValue: "green", dynamicValue: true, uiType: UiType.TEXT, newArchive: false }],
    firewall: { defaultIn: FirewallAction.DROP, defaultOut: FirewallAction.ALLOW, rules: [] },
    minCpuCores: 1n,
    minMemoryBytes: 500_000_000n,
    minDiskBytes: 1_000_000_000n,
    minBabelVersion: "0.1.0",
    archivePointers: [{ newArchiveKeys: [], pointer: { case: "storeKey", value: "test-main-v1" } }],
  });
  const imageId = image?.imageId ?? "";
  await admin.image.updateImage({ imageId, visibility: Visibility.PUBLIC });
  return imageId;
}

function clients(baseUrl: string, token?: string) {
  const transport = createGrpcTransport({
    baseUrl,
    interceptors: [
      (next) => (request) => {
        if (token !== undefined) request.header.set("authorization", `Bearer ${token}`);
        return next(request);
      },
    ],
  });
  return {
    auth: createClient(AuthService, transport),
    command: createClient(CommandService, transport),
    host: createClient(HostService, transport),
    hostFacts: createClient(HostFactsService, transport),
    image: createClient(ImageService, transport),
    node: createClient(NodeService, transport),
    org: createClient(OrgService, transport),
    protocol: createClient(ProtocolService, transport),
    secretStore: createClient(SecretStoreService, transport),
  };
}
