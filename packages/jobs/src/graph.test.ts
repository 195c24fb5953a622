import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type Dependency,
  defectOf,
  dependenciesOf,
  dependentsAmong,
  inOrder,
  longestChain,
  readiness,
  type Standing,
} from "./graph.ts";

const needs = (...names: readonly string[]): readonly Dependency[] => names.map((name) => ({ name, kind: "needs" }));
const waits = (...names: readonly string[]): readonly Dependency[] => names.map((name) => ({ name, kind: "wait_for" }));
const edgesOf = (graph: Readonly<Record<string, readonly Dependency[]>>) => (name: string) =>
  Object.hasOwn(graph, name) ? graph[name] : undefined;

test("readiness follows the table of the spec (T-07)", () => {
  const standings: Readonly<Record<string, Standing>> = {
    ok: { kind: "finished", exitCode: 0, message: "" },
    bad: { kind: "finished", exitCode: 2, message: "why" },
    none: { kind: "finished", exitCode: null, message: "m" },
    off: { kind: "stopped" },
    busy: { kind: "active" },
  };
  const check = (dependencies: readonly Dependency[]) => readiness("j", dependencies, (name) => standings[name]);
  assert.deepEqual(check([]), { kind: "ready" });
  assert.deepEqual(check([...needs("ok"), ...waits("ok", "bad", "none", "off")]), { kind: "ready" });
  assert.deepEqual(check([...needs("busy", "ok"), ...waits("busy")]), { kind: "waiting", for: ["busy"] });
  const blocked = (dependencies: readonly Dependency[], message: string) =>
    assert.deepEqual(check(dependencies), { kind: "blocked", message });
  blocked(needs("bad"), "job 'j' needs 'bad', but it failed with 2 - why");
  blocked(needs("none"), "job 'j' needs 'none', but it failed with None - m");
  blocked(needs("off"), "job 'j' needs 'off', but it was stopped");
  blocked(needs("nope"), "job 'j' needs 'nope', but it is not defined");
  blocked(waits("nope"), "job 'j' waits for 'nope', but it is not defined");
});

test("cycles and unknown names are found with the path (T-07)", () => {
  const edges = edgesOf({
    a: needs("b"),
    b: waits("c"),
    c: needs("b"),
    d: needs("e"),
    e: [],
    f: waits("g"),
    s: needs("s"),
  });
  assert.deepEqual(defectOf("a", edges), { kind: "cycle", path: ["b", "c", "b"] });
  assert.deepEqual(defectOf("s", edges), { kind: "cycle", path: ["s", "s"] });
  assert.deepEqual(defectOf("f", edges), { kind: "unknown", path: ["f", "g"] });
  assert.equal(defectOf("d", edges), undefined);
});

test("a stop takes as long as the longest chain, not the sum", () => {
  const edges = edgesOf({ a: [], b: needs("a"), c: needs("b"), x: [], y: waits("x") });
  assert.equal(
    longestChain(["a", "b", "c", "x", "y"], edges, () => 60),
    180,
  );
  assert.equal(
    longestChain(["a", "c"], edges, () => 60),
    120,
  );
  assert.equal(
    longestChain([], edges, () => 60),
    0,
  );
});

const graphs = fc.integer({ min: 1, max: 10 }).chain((size) =>
  fc.array(fc.tuple(fc.nat(size - 1), fc.nat(size - 1), fc.boolean()), { maxLength: 25 }).map((pairs) => {
    const graph: Record<string, Dependency[]> = Object.fromEntries(
      Array.from({ length: size }, (_, index) => [`j${index}`, []]),
    );
    for (const [from, to, hard] of pairs)
      graph[`j${from}`]!.push({ name: `j${to}`, kind: hard ? "needs" : "wait_for" });
    return graph;
  }),
);

test("whatever the graph: order, dependents and chains are consistent, and cycles never hang", () => {
  fc.assert(
    fc.property(graphs, (graph) => {
      const edges = edgesOf(graph);
      const names = Object.keys(graph);
      const order = inOrder(names, edges);
      assert.deepEqual([...order].sort(), [...names].sort());
      const dependents = dependentsAmong(names, edges);
      const position = new Map(order.map((name, index) => [name, index]));
      for (const [name, above] of dependents) {
        for (const each of above) assert.ok(position.get(each)! > position.get(name)!);
      }
      const acyclic = names.every((name) => defectOf(name, edges) === undefined);
      if (acyclic) {
        for (const name of names) {
          for (const { name: dependency } of graph[name]!) assert.ok(dependents.get(dependency)!.has(name));
        }
      }
      const longest = longestChain(names, edges, () => 1);
      assert.ok(longest >= 1 && longest <= names.length);
    }),
    { numRuns: 500 },
  );
});

test("dependencies that are null are none, as are absent ones", () => {
  assert.deepEqual(dependenciesOf({}), []);
  assert.deepEqual(dependenciesOf({ needs: null, wait_for: ["a"] }), waits("a"));
  assert.deepEqual(dependenciesOf({ needs: ["a", "b"], wait_for: null }), needs("a", "b"));
});
