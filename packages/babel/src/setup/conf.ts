import { readBoundedSync, replaceForThisBoot } from "../files/durable.ts";
import type { NodeEnv } from "./node-env.ts";
import type { RamDisk } from "./ramdisks.ts";

/** What Setup says. */
export type Setup = {
  readonly node_env: NodeEnv;
  readonly ramdisks: readonly RamDisk[];
  /** Opens both sockets until the next Setup. (D1-07) */
  readonly secret: string;
  /** What the logs of all jobs may take together, in MB; absent: the image's BABEL_LOG_LIMIT_MB, else 2000. (D3-03) */
  readonly log_limit_mb?: number;
  /** Files that a job's log is cut into, 2 to 256; absent: the image's BABEL_LOG_SEGMENTS, else 8. (D3-03) */
  readonly log_segments?: number;
};

/** `/etc/babel.conf`: what the last Setup said, for a babel that is started anew in the same container run. (§1.4, D1-01) */
export type Conf = Setup & {
  /** The container run that was set up; in another one, only a new Setup makes babel ready. */
  readonly boot_id: string;
  /** Jobs were shut down: they wait for the next Setup. */
  readonly shut_down?: boolean;
};

const LIMIT = 1024 * 1024;

export function loadConf(path: string, boot: string): Conf | undefined {
  const text = readBoundedSync(path, LIMIT);
  if (text === undefined) return undefined;
  try {
    const conf = JSON.parse(text.toString("utf8")) as Conf;
    return conf.boot_id === boot && typeof conf.secret === "string" ? conf : undefined;
  } catch {
    return undefined;
  }
}

export function saveConf(path: string, conf: Conf): void {
  replaceForThisBoot(path, JSON.stringify(conf), 0o600);
}
