import assert from "node:assert/strict";
import { test } from "node:test";
import { displayWidth } from "./paint.ts";
import { barLine } from "./progress-bar.ts";

const plain = (_: string, text: string): string => text;

test("a bar is as long as there is room, and its text gives way", () => {
  assert.equal(
    barLine({ fraction: 0.25, text: "1/4 chunks" }, 120, plain),
    `${"█".repeat(8)}${"░".repeat(24)} 25.00%  1/4 chunks`,
  );
  assert.equal(barLine({ fraction: undefined, text: "waiting" }, 120, plain), `${"░".repeat(32)}  waiting`);
  assert.equal(barLine({ fraction: 1, text: "" }, 30, plain), `${"█".repeat(19)} 100.00%`);
});

test("it never reaches the last column, however narrow the terminal is", () => {
  for (let columns = 24; columns < 200; columns += 1) {
    for (const text of ["", "11/21 chunks  0.8/s  ETA 00:00:12", "x".repeat(300)]) {
      const width = displayWidth(barLine({ fraction: 0.5, text }, columns, plain));
      assert.ok(width < columns, `${width} of ${columns} columns`);
    }
  }
});
