import type { HostService, NodeEventSchema } from "@blockvisor/wire/blockvisor/host/v1/host";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { reportOf } from "../errors/host-error.ts";
import type { NodeEvent } from "../history/event-log.ts";
import {
  type DeletedNode,
  eventsOfDeleted,
  findDeleted,
  logsOfDeleted,
  withoutValues,
} from "../history/kept-history.ts";
import { type LogTail, logTails } from "../history/node-logs.ts";
import type { NodeActor } from "../node/node-actor.ts";
import type { ServiceContext } from "./service-context.ts";

type HistoryMethods = "listNodeEvents" | "readNodeLogs";

const defaultTailBytes = 64 * 1024;
const maxTailBytes = 16 * 1024 * 1024;
/** Longer logs are sent in several messages. */
const chunkBytes = 1024 * 1024;

/** What happened to a node and what it printed, also after it was deleted. */
export function historyService({ host, nodes }: ServiceContext): Pick<ServiceImpl<typeof HostService>, HistoryMethods> {
  /** A node that is here, or else one that was. Error `not_found` when it is neither. */
  const find = async (reference: string): Promise<NodeActor | DeletedNode> => {
    try {
      return nodes.find(reference, "show");
    } catch (error) {
      const deleted = reportOf(error).code === "not_found" ? await findDeleted(host.paths, reference) : undefined;
      if (deleted === undefined) throw error;
      return deleted;
    }
  };

  return {
    listNodeEvents: async function* ({ node, limit, follow }, { signal }) {
      const found = await find(node);
      if (!("parts" in found)) {
        yield* newest(await eventsOfDeleted(host.paths, found.id), limit).map(eventMessage);
        return;
      }
      const waiting: NodeEvent[] = [];
      let wake = Promise.withResolvers<void>();
      const stop = found.parts.events.listen((event) => {
        waiting.push(event);
        wake.resolve();
      });
      const onAbort = (): void => wake.resolve();
      signal.addEventListener("abort", onAbort);
      try {
        yield* newest(await found.parts.events.read(), limit).map(eventMessage);
        while (follow && !signal.aborted) {
          for (let event = waiting.shift(); event !== undefined; event = waiting.shift()) yield eventMessage(event);
          if (found.gone) return;
          await wake.promise;
          wake = Promise.withResolvers();
        }
      } finally {
        stop();
        signal.removeEventListener("abort", onAbort);
      }
    },

    readNodeLogs: async function* ({ node, tailBytes, bundle }) {
      const found = await find(node);
      const maxBytes = Math.min(tailBytes || defaultTailBytes, maxTailBytes);
      if ("parts" in found) {
        if (bundle) yield* about(found.snapshot().state, await found.parts.events.read());
        for await (const log of logTails(found.parts.paths, maxBytes)) yield* chunks(log);
      } else {
        if (bundle) yield* about(found.state, await eventsOfDeleted(host.paths, found.id));
        for await (const { name, content } of logsOfDeleted(host.paths, found.id)) {
          yield* chunks({ name, content: content.subarray(Math.max(0, content.length - maxBytes)) });
        }
      }
    },
  };
}

function newest(events: readonly NodeEvent[], limit: number): readonly NodeEvent[] {
  return limit === 0 ? events : events.slice(-limit);
}

function* about(state: unknown, events: readonly NodeEvent[]): Generator<LogTail> {
  const text = (value: unknown): Uint8Array => new TextEncoder().encode(`${JSON.stringify(value, undefined, 2)}\n`);
  const safe = typeof state === "object" && state !== null && "properties" in state;
  yield* chunks({ name: "node.json", content: text(safe ? withoutValues(state as never) : state) });
  yield* chunks({ name: "events.json", content: text(events) });
}

function* chunks({ name, content }: LogTail): Generator<LogTail> {
  for (let at = 0; at === 0 || at < content.length; at += chunkBytes) {
    yield { name, content: content.subarray(at, at + chunkBytes) };
  }
}

function eventMessage({ at, ms, ...event }: NodeEvent): MessageInitShape<typeof NodeEventSchema> {
  return { ...event, time: timestampFromMs(at), ...(ms === undefined ? {} : { milliseconds: BigInt(ms) }) };
}
