import { dirname } from "node:path";
import { ensureFolder, readBounded, replaceFile } from "../files/durable.ts";
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
};

/** `/etc/babel.conf`: what the last Setup said, for a babel that is started anew in the same container run. (§1.4, D1-01) */
export type Conf = Setup & {
  /** The container run that was set up; in another one, only a new Setup makes babel ready. */
  readonly boot_id: string;
  /** Jobs were shut down: they wait for the next Setup. */
  readonly shut_down?: boolean;
};

const LIMIT = 1024 * 1024;

export async function loadConf(path: string, boot: string): Promise<Conf | undefined> {
  const text = await readBounded(path, LIMIT);
  if (text === undefined) return undefined;
  try {
    const conf = JSON.parse(text.toString("utf8")) as Conf;
    return conf.boot_id === boot && typeof conf.secret === "string" ? conf : undefined;
  } catch {
    return undefined;
  }
}

export async function saveConf(path: string, conf: Conf): Promise<void> {
  await ensureFolder(dirname(path));
  await replaceFile(path, JSON.stringify(conf), { mode: 0o600, forThisBoot: true });
}
