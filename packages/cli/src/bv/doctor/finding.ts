export type Level = "ok" | "warning" | "error";

/** What one check found. A warning is trouble to come, or less than there could be; with an error nodes do not run. */
export interface Finding {
  /** Stable name of what was looked at. */
  readonly check: string;
  readonly level: Level;
  readonly message: string;
  /** What to do about it, a command where there is one; empty when all is well. */
  readonly fix: string;
}

export function ok(check: string, message: string): Finding {
  return { check, level: "ok", message, fix: "" };
}

export function warning(check: string, message: string, fix: string): Finding {
  return { check, level: "warning", message, fix };
}

export function error(check: string, message: string, fix: string): Finding {
  return { check, level: "error", message, fix };
}

/** What all checks know of this machine. */
export interface Patient {
  /** The content of blockvisor.json; undefined where there is none, or none that can be read. */
  readonly config: HostConfigJson | undefined;
  readonly signal: AbortSignal;
}

/** The keys that checks look at; nothing is certain about their types. */
export interface HostConfigJson {
  readonly mode?: unknown;
  readonly iface?: unknown;
  readonly runtime?: unknown;
  readonly disk_limit?: unknown;
  readonly nodexeus_api_url?: unknown;
  readonly blockjoy_api_url?: unknown;
  readonly nodexeus_mqtt_url?: unknown;
  readonly blockjoy_mqtt_url?: unknown;
}

export type Check = (patient: Patient) => Promise<readonly Finding[]> | readonly Finding[];
