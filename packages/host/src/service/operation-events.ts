import type { NodeSchema, OperationEventSchema } from "@blockvisor/wire/blockvisor/host/v1/host";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { OperationNews } from "../node/node-actor.ts";

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
  for (;;) {
    for (let news = waiting.shift(); news !== undefined; news = waiting.shift()) yield eventOf(nodeId, news);
    if (ended) break;
    await wake.promise;
    wake = Promise.withResolvers();
  }
  yield { nodeId, event: { case: "done", value: await work } };
}

function eventOf(nodeId: string, news: OperationNews): Event {
  if (news.kind === "step") {
    return { nodeId, event: { case: "step", value: { step: news.step, title: news.title, finished: news.finished } } };
  }
  const percent = news.percent === undefined ? {} : { percent: news.percent };
  return { nodeId, event: { case: "progress", value: { step: news.step, message: news.message, ...percent } } };
}
