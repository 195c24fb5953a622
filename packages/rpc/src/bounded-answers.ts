import type { DescMethod, DescService } from "@bufbuild/protobuf";
import type { UniversalClientFn } from "@connectrpc/connect/protocol";
import { boundedMessages, type MessageLimits } from "./bounded-messages.ts";

/** A client of one service that lets no answer be decoded which is too large: it comes out of a container. */
export function boundedAnswers(
  client: UniversalClientFn,
  { typeName, methods }: DescService,
  limitsOf: (method: DescMethod) => MessageLimits,
): UniversalClientFn {
  const methodAt = new Map(methods.map((method) => [`/${typeName}/${method.name}`, method]));
  return async (request) => {
    const response = await client(request);
    const method = methodAt.get(new URL(request.url).pathname);
    if (method === undefined) throw new Error(`no method of ${typeName}: ${request.url}`);
    return { ...response, body: boundedMessages(response.body, method.output, limitsOf(method)) };
  };
}
