import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Headers as OurHeaders } from "./headers.ts";

const name = fc.stringMatching(/^[A-Za-z-]{1,3}$/);
const value = fc.stringMatching(/^[a-z, =]{0,6}$/);
const change = fc.oneof(
  fc.tuple(fc.constantFrom("append", "set"), fc.oneof(name, fc.constant("Set-Cookie")), value),
  fc.tuple(fc.constant("delete"), name, value),
);

test("what stands in for Headers tells what Node's own tells, whatever is done to it", () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
      const [ours, real] = [new OurHeaders(), new Headers()];
      for (const [kind, key, text] of changes) {
        for (const headers of [ours, real]) {
          if (kind === "delete") headers.delete(key);
          else if (kind === "set") headers.set(key, text);
          else headers.append(key, text);
        }
      }
      const told = (headers: OurHeaders | Headers) => {
        const each: (readonly [string, string])[] = [];
        headers.forEach((text, key) => {
          each.push([key, text]);
        });
        const keys = changes.map(([, key]) => [headers.get(key), headers.has(key)]);
        return [[...headers], [...headers.keys()], [...headers.values()], headers.getSetCookie(), each, keys];
      };
      assert.deepEqual(told(ours), told(real));
      assert.deepEqual([...new OurHeaders([...real])], [...new Headers([...real])]);
    }),
  );
  assert.deepEqual([...new OurHeaders({ B: "1", a: "2" })], [...new Headers({ B: "1", a: "2" })]);
  for (const bad of ["a\nb", "a\0"]) assert.throws(() => new OurHeaders().set("a", bad), TypeError);
  for (const bad of ["", "a b", "é"]) assert.throws(() => new OurHeaders().set(bad, "a"), TypeError);
});
