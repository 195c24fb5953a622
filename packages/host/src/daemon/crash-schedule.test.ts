import assert from "node:assert/strict";
import { test } from "node:test";
import { scheduleOf } from "./crash-schedule.ts";
import { type Condition, courseOf, cutPointsOf, operations } from "./cut-points.ts";

test("every place is cut once, and most nodes go on from where the last cut left them", () => {
  const cuts = operations.flatMap(cutPointsOf);
  for (const lives of [1, 7, 16]) {
    const schedule = scheduleOf(cuts, lives);
    const scheduled = schedule.flat().map(({ cut }) => cut);
    assert.deepEqual(new Set(scheduled), new Set(cuts));
    assert.equal(scheduled.length, cuts.length);
    const conditions: Condition[] = Array.from({ length: lives }, () => "absent");
    let anew = 0;
    for (const death of schedule) {
      assert.equal(new Set(death.map(({ life }) => life)).size, death.length);
      // What another daemon finds when it attaches is done to nodes while none runs, so it does not mix with the rest.
      assert.equal(new Set(death.map(({ cut }) => courseOf(cut.operation).attach)).size, 1);
      for (const { life, cut } of death) {
        const { from, to } = courseOf(cut.operation);
        if (conditions[life] !== from) anew += 1;
        conditions[life] = to;
      }
    }
    assert.ok(schedule.length <= Math.ceil(cuts.length / lives) + 2, `${schedule.length} deaths`);
    assert.ok(anew < cuts.length / 5, `${anew} nodes made anew`);
  }
});
