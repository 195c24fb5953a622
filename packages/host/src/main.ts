import { parseArgs } from "node:util";
import { startDaemon } from "./daemon/start-daemon.ts";
import { watchUnexpectedErrors } from "./daemon/unexpected-errors.ts";
import { version } from "./daemon/version.ts";
import { reportOf } from "./errors/host-error.ts";
import { createLog } from "./log/daemon-log.ts";
import { logLevelOf } from "./log/log-level.ts";

const usage = `blockvisord ${version}: runs the nodes of this machine.

Usage: blockvisord [--dev]

  --dev          image development: no control plane, every node is a dev node; needs no configuration
  -h, --help     this text
  -V, --version  the version

Environment: BV_ROOT moves every path, BV_LOG, else RUST_LOG, is the log level (trace, debug,
info, warn, error), BV_AGENT_DIR is the agent bundle, BV_RUNTIME (auto, oci, apptainer) wins over the
configuration. SIGTERM ends the daemon and leaves nodes running;
SIGHUP reads the configuration again, like bv host reload.
`;

const exitUsage = 2;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      dev: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
      version: { type: "boolean", short: "V", default: false },
    },
  });
  if (values.help) return void process.stdout.write(usage);
  if (values.version) return void process.stdout.write(`blockvisord ${version}\n`);

  const log = createLog(logLevelOf(process.env));
  const unexpected = watchUnexpectedErrors(log);
  const daemon = await startDaemon({
    root: process.env["BV_ROOT"] ?? "/",
    dev: values.dev,
    env: process.env,
    log,
    unexpected,
  });

  process.on("SIGHUP", () => {
    daemon.reload().catch((error: unknown) => {
      const { message, hint } = reportOf(error);
      log.error({ hint }, `the configuration stays as it was: ${message}`);
    });
  });
  const ended = new Promise<NodeJS.Signals>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve(signal));
  });
  log.info({ signal: await ended }, "stopping");
  await daemon.stop();
  process.exit(0);
}

try {
  await main();
} catch (error) {
  const { code, message, hint } = reportOf(error);
  const isUsage = (error as { readonly code?: unknown }).code?.toString().startsWith("ERR_PARSE_ARGS") ?? false;
  const told = isUsage
    ? `${message}\n  → see blockvisord --help`
    : `${message} [${code}]${hint ? `\n  → ${hint}` : ""}`;
  process.stderr.write(`blockvisord: ${told}\n`);
  process.exit(isUsage ? exitUsage : 1);
}
