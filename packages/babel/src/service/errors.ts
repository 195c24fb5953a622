import { ErrorDetailSchema } from "@blockvisor/wire/blockvisor/babel/v1/babel";
import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { errnoOf, messageOf } from "../errno.ts";
import { Failure } from "../failure.ts";

/** Every failure leaves the agent with a precise status and an ErrorDetail; no stack traces. (D1-10) */
function toConnectError(error: unknown): ConnectError {
  if (error instanceof ConnectError) return error;
  const { status, code, message, hint } = describe(error);
  return new ConnectError(message, status, undefined, [{ desc: ErrorDetailSchema, value: { code, message, hint } }]);
}

function describe(error: unknown): { status: Code; code: string; message: string; hint: string } {
  if (error instanceof Failure) return error;
  const message = messageOf(error);
  switch (errnoOf(error)) {
    case "ENOSPC":
    case "EDQUOT":
      return { status: Code.ResourceExhausted, code: "disk-full", message, hint: "Free space on the node's disk." };
    case "EACCES":
    case "EPERM":
      return { status: Code.PermissionDenied, code: "permission-denied", message, hint: "" };
    case "ENOENT":
      return { status: Code.NotFound, code: "file-not-found", message, hint: "" };
    case "EROFS":
      return { status: Code.FailedPrecondition, code: "read-only", message, hint: "" };
    default:
      return { status: Code.Internal, code: "internal", message, hint: "" };
  }
}

/** Turns failures of unary calls and of streams into what goes over the wire. */
export const errorInterceptor: Interceptor = (next) => async (request) => {
  try {
    const response = await next(request);
    return response.stream ? { ...response, message: guarded(response.message) } : response;
  } catch (error) {
    throw toConnectError(error);
  }
};

async function* guarded<T>(messages: AsyncIterable<T>): AsyncIterable<T> {
  try {
    yield* messages;
  } catch (error) {
    throw toConnectError(error);
  }
}
