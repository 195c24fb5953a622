import type { NodeSchema, OperationEventSchema } from "@blockvisor/wire/blockvisor/host/v1/host";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { OperationNews } from "../node/operation-news.ts";

type Event = MessageInitShape<typeof OperationEventSchema>;

/**
 * The news of one operation as a stream that ends with the node. The operation runs whether or not somebody reads: a client that goes
 * away does not stop it (spec host-daemon DB-3.5).
 */
export async function* operationEvents(
  nodeId: string,
  operate: (onNews: (news: OperationNews) => void) => Promise<MessageInitShape<typeof NodeSchema>>,
): AsyncGenerator<Event> {
  const waiting: OperationNews[] = [];
  let wake = Promise.withResolvers<void>();
  let ended = false;
  const work = operate((news) => {
    waiting.push(news);
    wake.resolve();
  }).finally(() => {
    ended = true;
    wake.resolve();
  });
  // The reader may be gone when the operation fails; the failure then stays with the node.
  work.catch(() => {});
  let operationId = "";
  for (;;) {
    for (let news = waiting.shift(); news !== undefined; news = waiting.shift()) {
      if (news.kind === "begins") operationId = news.operation.id;
      else yield { operationId, nodeId, event: eventOf(news) };
    }
    if (ended) break;
    await wake.promise;
    wake = Promise.withResolvers();
  }
  yield { operationId, nodeId, event: { case: "done", value: await work } };
}

function eventOf(news: Exclude<OperationNews, { readonly kind: "begins" }>): NonNullable<Event["event"]> {
  if (news.kind === "waits") {
    const since = `${new Date(news.behind.since).toISOString().slice(11, 16)} UTC`;
    return { case: "progress", value: { step: "wait", message: `waits for ${news.behind.kind}, since ${since}` } };
  }
  if (news.kind === "step") {
    return { case: "step", value: { step: news.step, title: news.title, finished: news.finished } };
  }
  const percent = news.percent === undefined ? {} : { percent: news.percent };
  return { case: "progress", value: { step: news.step, message: news.message, ...percent } };
}
