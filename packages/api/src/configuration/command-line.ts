import { readFile } from "node:fs/promises";
import { type ParseArgsOptionsConfig, parseArgs } from "node:util";
import { archiveCommand } from "../archives/archive-command.ts";
import { grantAdmin, resetPassword } from "../first-aid.ts";
import { startApi } from "../start-api.ts";
import { parseSettings, type SettingName, type Settings, settingsSchema } from "./settings.ts";
import { withStoreSection } from "./store-section.ts";

const names = Object.keys(settingsSchema.shape) as SettingName[];
const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
const flagOf = (name: SettingName) => kebab(name);
const variableOf = (name: SettingName) => `BV_API_${kebab(name).replaceAll("-", "_").toUpperCase()}`;

/** Names the reference's deployments use. */
const otherVariables: Partial<Record<SettingName, string>> = {
  databaseUrl: "DATABASE_URL",
  databaseConnections: "DB_MAX_CONN",
  host: "BIND_IP",
  port: "PORT",
  concurrency: "REQUEST_CONCURRENCY_LIMIT",
  dnsBase: "CF_DNS_BASE",
  mqttUsername: "MQTT_USERNAME",
  mqttPassword: "MQTT_PASSWORD",
  archiveBucket: "ARCHIVE_BUCKET",
  storageUrl: "STORAGE_URL",
  awsRegion: "AWS_REGION",
  awsAccessKeyId: "AWS_ACCESS_KEY_ID",
  awsSecretAccessKey: "AWS_SECRET_ACCESS_KEY",
  presignedUrlExpiration: "PRESIGNED_URL_EXPIRATION",
};

const defaultDataDir = "/var/lib/blockvisor-api";

const help = `blockvisor-api: the control plane

  blockvisor-api serve                   run in the foreground until SIGINT or SIGTERM
  blockvisor-api grant-admin EMAIL       make an existing user a platform administrator
  blockvisor-api reset-password EMAIL    give a user a new password and print it
  blockvisor-api archives gc [--dry-run] remove abandoned uploads and versions that no policy keeps
  blockvisor-api archives scan [KEY]     find versions that others have published in the same object store
  blockvisor-api help

Settings: a flag wins over the environment, the environment over --config FILE (JSON, names as below in camelCase).
With the embedded database, stop the server before the other commands.

${names.map((name) => `  --${flagOf(name)}`.padEnd(30) + variableOf(name)).join("\n")}
`;

type Environment = Readonly<Record<string, string | undefined>>;

/** The command line of `blockvisor-api`. @returns the exit code: 0 done, 1 failed, 2 used wrongly */
export async function run(args: readonly string[], environment: Environment): Promise<number> {
  try {
    const { command, operands, settings, dryRun } = await readCommand(args, environment);
    if (command === "help") {
      process.stdout.write(help);
      return 0;
    }
    if (command === "serve" && operands.length === 0) return await serve(settings());
    if (command === "archives") {
      const lines = await archiveCommand(settings(), operands, dryRun);
      if (lines !== undefined) {
        process.stdout.write(lines.map((line) => `${line}\n`).join(""));
        return 0;
      }
    }
    const [email] = operands;
    if (email !== undefined && operands.length === 1) {
      if (command === "grant-admin") {
        await grantAdmin(settings(), email);
        process.stdout.write(`${email} is now a platform administrator.\n`);
        return 0;
      }
      if (command === "reset-password") {
        process.stdout.write(`New password of ${email}: ${await resetPassword(settings(), email)}\n`);
        return 0;
      }
    }
    process.stderr.write(
      `blockvisor-api: unknown command '${[command, ...operands].join(" ")}'. Try 'blockvisor-api help'.\n`,
    );
    return 2;
  } catch (error) {
    process.stderr.write(`blockvisor-api: ${error instanceof Error ? error.message : String(error)}\n`);
    return error instanceof TypeError ? 2 : 1;
  }
}

async function readCommand(args: readonly string[], environment: Environment) {
  const options: ParseArgsOptionsConfig = {
    config: { type: "string" },
    "dry-run": { type: "boolean" },
    help: { type: "boolean", short: "h" },
  };
  for (const name of names) options[flagOf(name)] = { type: "string" };
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
  const [command = "help", ...operands] = positionals;
  const file = typeof values["config"] === "string" ? values["config"] : environment["BV_API_CONFIG"];
  const fromFile = file === undefined ? {} : await readConfigFile(file);
  const settings = (): Settings => {
    const given: Partial<Record<SettingName, unknown>> = { dataDir: defaultDataDir, ...fromFile };
    for (const name of names) {
      const fromEnvironment = environment[variableOf(name)] ?? environment[otherVariables[name] ?? ""];
      const chosen = values[flagOf(name)] ?? fromEnvironment;
      if (chosen !== undefined) given[name] = chosen;
    }
    return parseSettings(given);
  };
  const dryRun = values["dry-run"] === true;
  return { command: values["help"] === true ? "help" : command, operands, settings, dryRun };
}

async function readConfigFile(file: string): Promise<Readonly<Partial<Record<SettingName, unknown>>>> {
  const text = await readFile(file, "utf8").catch((error: Error) => {
    throw new Error(`The configuration file ${file} cannot be read: ${error.message}`);
  });
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) {
      return withStoreSection(parsed as Readonly<Record<string, unknown>>);
    }
  } catch (error) {
    throw new Error(`The configuration file ${file} is not JSON: ${error instanceof Error ? error.message : error}`);
  }
  throw new Error(`The configuration file ${file} is not a JSON object.`);
}

async function serve(settings: Settings): Promise<number> {
  const api = await startApi({
    ...settings,
    consoleOrigins: settings.consoleOrigins.join(","),
    archiveUploaders: settings.archiveUploaders.join(","),
  });
  if (api.adminCredentials !== undefined) {
    const { email, password, userId, provisionToken } = api.adminCredentials;
    process.stdout.write(
      [
        "First start. The administrator, shown only now:",
        `  user id:  ${userId}`,
        `  email:    ${email}`,
        `  password: ${password}`,
        "To add a machine, run on it: bvup TOKEN",
        `  provision token: ${provisionToken}`,
        "",
      ].join("\n"),
    );
  }
  process.stdout.write(`api:  ${api.url}\nmqtt: ${api.mqttUrl}\n`);
  await new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
  await api.close();
  return 0;
}
