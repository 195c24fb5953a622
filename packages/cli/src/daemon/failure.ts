import type { FailureName } from "../failure/codes.ts";
import { Failure } from "../failure/failure.ts";

/** A Connect error as it travels: `{code, message, details}`. */
export interface ConnectErrorJson {
  readonly code?: string;
  readonly message?: string;
  readonly details?: readonly { readonly type?: string; readonly value?: string }[];
}

const kinds: Readonly<Record<string, FailureName>> = {
  not_found: "node-not-found",
  ambiguous: "node-ambiguous",
  busy: "node-busy",
  blocking_job: "node-busy",
  gate: "node-busy",
  api_unreachable: "api-unreachable",
};

/** What the daemon answered, as a failure with its message and its advice. */
export async function daemonFailure(error: ConnectErrorJson): Promise<Failure> {
  const detail = await errorDetail(error);
  const code = detail?.code || error.code || "unknown";
  const kind = kinds[code] ?? (isUnknownJob(detail?.message) ? "node-not-found" : "daemon-refused");
  const operation = detail?.operation;
  const hint = adviceFor(kind, detail?.message) ?? (detail?.hint || undefined);
  return new Failure(kind, detail?.message || error.message || `blockvisord answered '${code}'`, {
    hint: hint ?? (kind === "node-busy" ? "wait for it to end and try again" : undefined),
    causes: operation ? [`the node is busy: ${operation.kind}${operation.step ? ` (${operation.step})` : ""}`] : [],
    candidates: detail?.candidates,
    excerpt: detail?.excerpt || undefined,
    data: { daemon_code: code },
  });
}

/** What the daemon cannot know is wrong from inside a script or the agent. */
function adviceFor(kind: FailureName, message: string | undefined): string | undefined {
  if (isUnknownJob(message)) return "`bv node job ls` lists the jobs";
  if (kind === "daemon-refused" && /\bnode connection is closed\b/.test(message ?? "")) {
    return "the node has to run for this: `bv node start`";
  }
  return undefined;
}

/** The agent in the node has no codes; its texts are part of its contract (babel-agent §3.6). */
function isUnknownJob(message: string | undefined): boolean {
  return /\bjob '[^']*' not found/.test(message ?? "");
}

async function errorDetail(error: ConnectErrorJson) {
  const detail = error.details?.find(({ type }) => type === "blockvisor.host.v1.ErrorDetail");
  if (!detail?.value) return undefined;
  const [{ fromBinary }, { ErrorDetailSchema }] = await Promise.all([
    import("@bufbuild/protobuf"),
    import("@blockvisor/wire/blockvisor/host/v1/host"),
  ]);
  return fromBinary(ErrorDetailSchema, Buffer.from(detail.value, "base64"));
}
