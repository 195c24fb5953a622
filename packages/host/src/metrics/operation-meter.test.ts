import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeActor } from "../node/node-actor.ts";
import { Counters } from "./counters.ts";
import { OperationMeter } from "./operation-meter.ts";

/** What a node publishes of itself that is counted here. */
function published(id: string, startedAt: number | null, gone = false): NodeActor {
  const snapshot = { state: { started_at: startedAt, problem: null }, operation: undefined };
  return { id, gone, snapshot: () => snapshot } as unknown as NodeActor;
}

test("restarts are counted once each, also two within a second, and not the first start", () => {
  const meter = new OperationMeter(new Counters());
  const counted = [null, 100, 100, null, 100, 100, null, null, 100, 104, null].map((startedAt) => {
    meter.changed(published("node", startedAt));
    return meter.restartsOf("node");
  });
  assert.deepEqual(counted, [0, 0, 0, 0, 1, 1, 1, 1, 2, 3, 3]);
  meter.changed(published("node", null, true));
  assert.equal(meter.restartsOf("node"), 0);
});
