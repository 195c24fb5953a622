import { ArchiveVerb, type OperateArchiveRequest } from "@blockvisor/wire/blockvisor/host/v1/host";
import { HostError } from "../errors/host-error.ts";

/** What somebody wants done with the protocol data of a node, checked: whoever may use the daemon's socket need not be root. */
export interface ArchiveOrder {
  readonly verb: "verify" | "repair" | "fetch" | "push";
  /** Options of the agent's archive tool; what they are about (data, state, engine) is the daemon's to say. */
  readonly options: readonly string[];
}

/** What an operation works with, absolute paths. */
export interface ArchivePlace {
  /** Volume of the node's data. */
  readonly volume: string;
  /** Where it finds out how far it was. */
  readonly state: string;
  /** Socket on which archives are asked for. */
  readonly engine: string;
}

const verbs = {
  [ArchiveVerb.UNSPECIFIED]: undefined,
  [ArchiveVerb.VERIFY]: "verify",
  [ArchiveVerb.REPAIR]: "repair",
  [ArchiveVerb.FETCH]: "fetch",
  [ArchiveVerb.PUSH]: "push",
} as const satisfies Record<ArchiveVerb, ArchiveOrder["verb"] | undefined>;

const storeKey = /^[\w.-]{1,128}$/;
const most = { connections: 1000, globs: 256, globBytes: 4096 } as const;

/** Error `invalid`, naming the field. */
export function archiveOrder(request: OperateArchiveRequest): ArchiveOrder {
  const { maxConnections, maxBytesPerSecond, dataVersion, exclude, zstdLevel, contentAddressed, dryRun } = request;
  const verb = verbs[request.verb];
  if (verb === undefined) throw invalid("verb", "is missing");
  if (!storeKey.test(request.storeKey)) throw invalid("store_key", "is no name of an archive");
  const isPush = verb === "push";
  if (!isPush && (exclude.length > 0 || zstdLevel !== undefined || contentAddressed || dryRun)) {
    throw invalid("exclude, zstd_level, content_addressed, dry_run", "are for a push");
  }
  if (exclude.length > most.globs) throw invalid("exclude", `has more than ${most.globs} globs`);
  if (exclude.some((glob) => glob === "" || glob.includes("\0") || Buffer.byteLength(glob) > most.globBytes)) {
    throw invalid("exclude", `has a glob that is empty, longer than ${most.globBytes} bytes, or has a NUL in it`);
  }
  if (zstdLevel !== undefined && (zstdLevel < -7 || zstdLevel > 22 || zstdLevel === 0)) {
    throw invalid("zstd_level", "is neither from 1 to 22 nor from -7 to -1");
  }
  if (maxConnections !== undefined && maxConnections > most.connections) {
    throw invalid("max_connections", `is more than ${most.connections}`);
  }
  const options = [
    `--name=${request.storeKey}`,
    ...numbered("data-version", dataVersion),
    ...numbered("max-connections", maxConnections),
    ...numbered("max-bytes-per-second", maxBytesPerSecond),
    ...(zstdLevel === undefined ? [] : [`--zstd=${zstdLevel}`]),
    ...(isPush ? [`--layout=${contentAddressed ? "cas" : "parts"}`] : []),
    ...(dryRun ? ["--dry-run"] : []),
    ...exclude.map((glob) => `--exclude=${glob}`),
  ];
  return { verb, options };
}

/** Command line of the archive tool behind its program. */
export function toolArguments({ verb, options }: ArchiveOrder, { volume, state, engine }: ArchivePlace): string[] {
  const transfers = verb === "fetch" || verb === "push";
  return [
    ...[verb, "--attended", ...options, `--data=${dataFolder(volume)}`, `--engine-socket=${engine}`],
    ...(transfers ? [`--state=${state}`, `--mount=${volume}`] : []),
  ];
}

/** Of the protocol, in a volume: what an archive has. */
export function dataFolder(volume: string): string {
  return `${volume}/protocol_data`;
}

function numbered(option: string, value: number | bigint | undefined): readonly string[] {
  if (value === undefined) return [];
  const isGood = value > 0 && value <= Number.MAX_SAFE_INTEGER;
  if (!isGood) throw invalid(option.replaceAll("-", "_"), "is no positive number");
  return [`--${option}=${value}`];
}

function invalid(field: string, wrong: string): HostError {
  return new HostError("invalid", `${field} ${wrong}`);
}
