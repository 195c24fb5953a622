import { z } from "zod";

const list = () =>
  z
    .string()
    .default("")
    .transform((names) =>
      names
        .split(",")
        .map((name) => name.trim())
        .filter((name) => name !== ""),
    );

const unitSeconds = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 } as const;
const duration = () =>
  z
    .union([
      z.number().int().min(1),
      z.string().regex(/^[1-9][0-9]{0,8} ?[smhdw]?$/, "has to be like 900, 15m, 12h or 1d"),
    ])
    .transform((text) => {
      const [, count = "", unit = "s"] = /^(\d+) ?([smhdw]?)$/.exec(String(text)) ?? [];
      return Number(count) * unitSeconds[(unit || "s") as keyof typeof unitSeconds];
    });

/** Seconds unless said otherwise. Every value can come from a flag, the environment or the configuration file. */
export const settingsSchema = z.strictObject({
  /** where the embedded database and the key file live */
  dataDir: z.string().min(1),
  host: z.string().min(1).default("127.0.0.1"),
  port: z.coerce.number().int().min(0).max(65_535).default(8080),
  tlsCert: z.string().optional(),
  tlsKey: z.string().optional(),
  /** streams in flight per connection */
  concurrency: z.coerce.number().int().min(1).max(10_000).default(128),
  /** absent: the embedded store in `dataDir` */
  databaseUrl: z
    .string()
    .regex(/^postgres(ql)?:\/\//, "has to start with postgres:// or postgresql://")
    .optional(),
  databaseConnections: z.coerce.number().int().min(1).max(1000).default(10),
  /** absent: the embedded broker on `mqttPort` */
  mqttUrl: z
    .string()
    .regex(/^(mqtts?|wss?):\/\//, "has to start with mqtt://, mqtts://, ws:// or wss://")
    .optional(),
  mqttUsername: z.string().optional(),
  mqttPassword: z.string().optional(),
  mqttPort: z.coerce.number().int().min(0).max(65_535).default(1883),
  /** what hosts are told to connect to, when it differs from what this process connects to */
  mqttPublicUrl: z.string().optional(),
  /** authenticates an external broker's calls of /mqtt/auth and /mqtt/acl; without it both answer 404 */
  brokerHookSecret: z.string().min(16).optional(),
  adminEmail: z.email().default("admin@blockvisor.local"),
  tokenLife: z.coerce.number().int().min(10).default(600),
  userRefreshLife: z.coerce
    .number()
    .int()
    .min(60)
    .default(20 * 3600),
  hostRefreshLife: z.coerce
    .number()
    .int()
    .min(60)
    .default(30 * 24 * 3600),
  userSessionLife: z.coerce
    .number()
    .int()
    .min(60)
    .default(30 * 24 * 3600),
  provisionTokenLife: z.coerce
    .number()
    .int()
    .min(60)
    .default(24 * 3600),
  /** who may make an account: anybody, or only administrators */
  registration: z.enum(["open", "closed"]).default("closed"),
  /** nodes one org may have */
  nodesPerOrg: z.coerce.number().int().min(1).default(1000),
  dnsBase: z.string().default("nodes.local"),
  /** origins a browser console may be served from, separated by commas */
  consoleOrigins: list(),
  /** scheme and authority that hosts and nodes reach this process by, when it is not the one their requests come by */
  publicUrl: z
    .url()
    .transform((url) => new URL(url).origin)
    .optional(),
  /** who may upload archives without a grant: names or ids of hosts, or `private` for every host of an org, separated by commas */
  archiveUploaders: list(),
  /** what the archives of an org may take, unless an administrator set it for the org (SetQuota); absent: as much as there is */
  archiveBytesPerOrg: z.coerce.number().int().min(0).optional(),
  /** uploads of archives that an org may begin in 24 hours, unless set for the org; absent: any number */
  archiveUploadsPerDay: z.coerce.number().int().min(0).max(1_000_000).optional(),
  /** how often garbage of archives is collected: seconds, or like 12h, 1d; `0`: only by hand */
  archiveGcInterval: z.union([z.literal("0").transform(() => 0), z.literal(0), duration()]).default(86_400),
  /** absent: `archives` in `dataDir`. Used without `archiveBucket` only. */
  archiveDir: z.string().min(1).optional(),
  /** keeps archives in this bucket of an S3 */
  archiveBucket: z.string().min(1).optional(),
  /** endpoint of the S3; absent: Amazon's own */
  storageUrl: z.url().optional(),
  /** how urls name the bucket; absent: `path` with a `storageUrl`, `host` without */
  storageStyle: z.enum(["path", "host"]).optional(),
  awsRegion: z.string().min(1).default("us-east-1"),
  awsAccessKeyId: z.string().optional(),
  awsSecretAccessKey: z.string().optional(),
  /** life of download urls: seconds, or like 90m, 12h, 1d; from 15 minutes to 12 hours */
  presignedUrlExpiration: duration().default(12 * 3600),
  /** a folder of `<version>/bvd-bundle.tgz` */
  bundleDir: z.string().optional(),
  logLevel: z.enum(["trace", "debug", "info", "warn", "error", "silent"]).default("info"),
});

export type Settings = z.output<typeof settingsSchema>;
export type SettingsInput = z.input<typeof settingsSchema>;
export type SettingName = keyof SettingsInput;

/** @throws an Error that names every wrong setting */
export function parseSettings(input: Readonly<Partial<Record<SettingName, unknown>>>): Settings {
  const parsed = settingsSchema.safeParse(input);
  if (!parsed.success) {
    const lines = parsed.error.issues.map((issue) => `  ${issue.path.join(".") || "settings"}: ${issue.message}`);
    throw new Error(`The configuration is not valid:\n${lines.join("\n")}`);
  }
  if ((parsed.data.tlsCert === undefined) !== (parsed.data.tlsKey === undefined)) {
    throw new Error("The configuration is not valid:\n  tlsCert and tlsKey belong together: give both or none");
  }
  const { archiveBucket, awsAccessKeyId, awsSecretAccessKey } = parsed.data;
  if (archiveBucket !== undefined && (awsAccessKeyId === undefined || awsSecretAccessKey === undefined)) {
    throw new Error("The configuration is not valid:\n  archiveBucket needs awsAccessKeyId and awsSecretAccessKey");
  }
  return parsed.data;
}
