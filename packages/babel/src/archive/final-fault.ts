import { Code, ConnectError } from "@connectrpc/connect";
import { Failure } from "../failure.ts";
import { faultOf, TransferFault } from "./transfer/fault.ts";

/** Answers of the host that the same question gets again. A precondition may be met the next time, e.g. by another version. */
const FINAL_ANSWERS: readonly Code[] = [
  ...[Code.InvalidArgument, Code.NotFound, Code.PermissionDenied],
  ...[Code.OutOfRange, Code.Unimplemented, Code.DataLoss],
];
const FINAL_FAILURES: readonly Code[] = [Code.InvalidArgument, Code.NotFound, Code.FailedPrecondition];

/**
 * Whether another attempt of the job would fail in the same way: a config that is wrong, an archive that is not there, a manifest or an object that is
 * refused. Such a failure is told at once, whatever the restart policy. (D4-04, D4-09, D5-07)
 */
export function isFinal(error: unknown): boolean {
  if (error instanceof Failure) return FINAL_FAILURES.includes(error.status);
  if (error instanceof ConnectError) return FINAL_ANSWERS.includes(error.code);
  return faultOf(error).kind === "permanent";
}

/** One error for those of several archives, as final as the least final of them; the disk that failed one is told of. */
export function errorOfAll(message: string, errors: readonly unknown[]): Error {
  if (errors.every(isFinal)) return new TransferFault("permanent", message);
  return errors.some((error) => faultOf(error).kind === "environment")
    ? new TransferFault("environment", message)
    : new Error(message);
}
