import { Code, ConnectError } from "@connectrpc/connect";

/** The error kinds of spec §0.4. The message of an invalid argument begins with the wire name of the offending field. */
export const invalidArgument = (field: string, why?: string) =>
  new ConnectError(why === undefined ? field : `${field}: ${why}`, Code.InvalidArgument);

export const outOfRange = (field: string, why?: string) =>
  new ConnectError(why === undefined ? field : `${field}: ${why}`, Code.OutOfRange);

export const notFound = (entity: string) => new ConnectError(`${entity} not found.`, Code.NotFound);

export const alreadyExists = (entity: string) => new ConnectError(`${entity} already exists.`, Code.AlreadyExists);

export const failedPrecondition = (message: string) => new ConnectError(message, Code.FailedPrecondition);

export const permissionDenied = (message = "Access denied.") => new ConnectError(message, Code.PermissionDenied);

export const unauthenticated = (message: string) => new ConnectError(message, Code.Unauthenticated);

export const unimplemented = (message: string) => new ConnectError(message, Code.Unimplemented);

export const resourceExhausted = (message: string) => new ConnectError(message, Code.ResourceExhausted);
