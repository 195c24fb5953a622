import { Code, ConnectError } from "@connectrpc/connect";

/** What callers may try again, apart from what is wrong with the request or this server (D6-12). */
export const storeUnavailable = () =>
  new ConnectError("The archive store does not answer now; try again.", Code.Unavailable);
