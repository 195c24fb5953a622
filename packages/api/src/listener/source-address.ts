import { createContextKey, type HandlerContext } from "@connectrpc/connect";

/** The address a request came from, as this process sees it: headers a client can write are not believed. */
export const sourceAddressKey = createContextKey("unknown", { description: "source address" });

export const sourceAddress = (context: HandlerContext): string => context.values.get(sourceAddressKey);
