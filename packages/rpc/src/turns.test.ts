import assert from "node:assert/strict";
import { test } from "node:test";
import { Turns } from "./turns.ts";

test("so many at a time, in their order; who goes away leaves the line or his place", async () => {
  const turns = new Turns(2);
  const begun: string[] = [];
  const callers = new Map<string, AbortController>();
  const take = async (name: string): Promise<() => void> => {
    const caller = new AbortController();
    callers.set(name, caller);
    const end = await turns.take(caller.signal);
    begun.push(name);
    return end;
  };
  const [endA, b, c, d, e] = [await take("a"), take("b"), take("c"), take("d"), take("e")];
  const endB = await b;
  callers.get("c")?.abort(new Error("gone"));
  await assert.rejects(c, { message: "gone" });
  assert.deepEqual(begun, ["a", "b"]);
  endA();
  endA();
  await d;
  assert.deepEqual(begun, ["a", "b", "d"]);
  callers.get("d")?.abort();
  await e;
  endB();
  (await take("f"))();
  assert.deepEqual(begun, ["a", "b", "d", "e", "f"]);
  await assert.rejects(turns.take(AbortSignal.abort(new Error("before"))), { message: "before" });
});
