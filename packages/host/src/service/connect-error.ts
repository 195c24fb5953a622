import { ErrorDetailSchema } from "@blockvisor/wire/blockvisor/host/v1/host";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { AgentError } from "../agent/agent-error.ts";
import { HostError, type HostErrorCode, reportOf } from "../errors/host-error.ts";

const codes = {
  not_found: Code.NotFound,
  ambiguous: Code.InvalidArgument,
  conflict: Code.AlreadyExists,
  invalid: Code.InvalidArgument,
  busy: Code.Unavailable,
  gate: Code.Unavailable,
  unsupported: Code.Unimplemented,
  unavailable: Code.Unavailable,
  timeout: Code.DeadlineExceeded,
  cancelled: Code.Aborted,
  failed: Code.Unknown,
  internal: Code.Internal,
  no_resources: Code.ResourceExhausted,
  broken_node: Code.FailedPrecondition,
  plugin_error: Code.Unknown,
  blocking_job: Code.FailedPrecondition,
  image_error: Code.Unknown,
  runtime_error: Code.Unknown,
  upgrade_rolled_back: Code.Aborted,
  upgrade_failed: Code.Unknown,
  config_error: Code.FailedPrecondition,
  api_unreachable: Code.Unavailable,
} as const satisfies Record<HostErrorCode, Code>;

/** Every error of the service: a Connect code for programs, an ErrorDetail for people. */
export function toConnectError(error: unknown): ConnectError {
  if (error instanceof ConnectError) return error;
  const { code, message, hint, excerpt = "" } = reportOf(error);
  const candidates = error instanceof HostError ? [...error.candidates] : [];
  const value: MessageInitShape<typeof ErrorDetailSchema> = { code, message, hint, candidates, excerpt };
  return new ConnectError(message, connectCode(error, code), undefined, [{ desc: ErrorDetailSchema, value }]);
}

function connectCode(error: unknown, code: string): Code {
  if (error instanceof AgentError) return error.grpc;
  return code in codes ? codes[code as HostErrorCode] : Code.Unknown;
}
