import { setImmediate as breath } from "node:timers/promises";
import type { PluginEngine } from "../engine/port.ts";
import { POLLED_NAMES } from "../platform-functions.ts";
import type { CallOptions, Plugin } from "../plugin.ts";
import { PluginError } from "../plugin-error.ts";
import type { RecordedFunction, Recording } from "./recording.ts";
import { paramPlaceholder, Redaction, type Secret, secretPlaceholder } from "./redaction.ts";
import { type Session, Tape } from "./tape.ts";

/** Bytes of secrets that are looked for in all that is recorded, in a hundred forms each. */
const MOST_SECRETS = 256 << 10;

/** A function that a recording is to have beside those that the platform polls. */
export interface NamedCall {
  readonly name: string;
  readonly param: string;
}

type Outcome = Omit<RecordedFunction, "calls">;

export interface RecordRequest extends CallOptions {
  /** `timeoutMs` is for each. */
  readonly also?: readonly NamedCall[];
  /** Secrets of the node that functions may meet without asking for them, by key. */
  readonly secrets: Iterable<readonly [key: string, value: Uint8Array]>;
  /** Which parameters are secret. */
  readonly secretParams: readonly string[];
}

/**
 * Calls the functions that a platform polls, and others, on a live node, and keeps what they ask and are answered; what fails says so in the
 * recording. They take effect as ever. Secrets stay here: those that are known, and those that the functions read or write. Rejects with what
 * `signal` is aborted with.
 */
export async function recordPlugin(plugin: Plugin, engine: PluginEngine, request: RecordRequest): Promise<Recording> {
  const { timeoutMs, signal } = request;
  const options = { ...(timeoutMs !== undefined && { timeoutMs }), ...(signal && { signal }) };
  const secrets = new Map<string, Secret>();
  let bytes = 0;
  const keep = (placeholder: string, value: Uint8Array): void => {
    bytes += value.length;
    if (bytes > MOST_SECRETS) throw new PluginError("PLUGIN_LIMIT", "there are too many secrets for a recording");
    secrets.set(`${placeholder} ${Buffer.from(value).toString("base64")}`, [placeholder, value]);
  };
  const session: Session = { spent: 0, onSecret: (key, value) => keep(secretPlaceholder(key), value) };
  for (const [key, value] of request.secrets) session.onSecret(key, value);
  const { properties, ...env } = await engine.nodeEnv(contextOf(request));
  for (const key of request.secretParams) keep(paramPlaceholder(key), Buffer.from(properties[key] ?? ""));
  const played: (readonly [Outcome, Tape])[] = [];
  for (const call of callsOf(plugin, request.also ?? [])) {
    signal?.throwIfAborted();
    played.push(await play(plugin, engine, call, session, options));
  }
  const redaction = new Redaction(secrets.values());
  const functions: RecordedFunction[] = [];
  for (const [outcome, tape] of played) {
    // Others want to be served between the functions.
    await breath();
    functions.push({ ...outcome, ...redaction.data(saidBy(outcome)), ...tape.taken(redaction) });
  }
  const params = Object.entries(properties).map(([key, value]): [string, string] => {
    const isSecret = request.secretParams.includes(key) && value !== "";
    return [key, isSecret ? paramPlaceholder(key) : redaction.text(value)];
  });
  return {
    v: 1,
    image: { protocol: env.node_protocol, variant: env.node_variant, version: env.node_version },
    env: redaction.data(env),
    params: Object.fromEntries(params.sort(([a], [b]) => (a < b ? -1 : 1))),
    functions,
  };
}

function saidBy({ param, result, error }: Outcome) {
  return {
    ...(param !== undefined && { param }),
    ...(result !== undefined && { result }),
    ...(error !== undefined && { error }),
  };
}

function callsOf(plugin: Plugin, also: readonly NamedCall[]): readonly NamedCall[] {
  const polled = ["protocol_status", ...POLLED_NAMES].filter((name) => plugin.capabilities.includes(name));
  const others = also.filter(({ name, param }) => param !== "" || !polled.includes(name));
  return [...polled.map((name) => ({ name, param: "" })), ...others];
}

async function play(
  plugin: Plugin,
  engine: PluginEngine,
  { name, param }: NamedCall,
  session: Session,
  options: CallOptions,
): Promise<readonly [Outcome, Tape]> {
  const tape = new Tape(session);
  const now = Date.now();
  const about = { function: name, ...(param !== "" && { param }), at: new Date(now).toISOString() };
  try {
    return [{ ...about, result: await callRecorded(plugin, name, param, tape.engine(engine, now), options) }, tape];
  } catch (error) {
    options.signal?.throwIfAborted();
    if (!(error instanceof PluginError)) throw error;
    return [{ ...about, error: error.message }, tape];
  }
}

/** A function as it is recorded and replayed: what jobs say about the status does not count, as the script has no part in it. */
export async function callRecorded(
  plugin: Plugin,
  name: string,
  param: string,
  engine: PluginEngine,
  options: CallOptions,
): Promise<string> {
  if (name === "protocol_status") return JSON.stringify(await plugin.protocolStatus(engine, { ...options, jobs: {} }));
  const polled = POLLED_NAMES.find((each) => each === name);
  return polled === undefined || param !== ""
    ? plugin.call(name, param, engine, options)
    : String(await plugin.poll(polled, engine, options));
}

function contextOf({ signal = new AbortController().signal }: CallOptions) {
  return { deadline: Number.POSITIVE_INFINITY, signal };
}
