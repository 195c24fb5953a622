import assert from "node:assert/strict";
import { test } from "node:test";
import {
  Engine,
  type EngineOptions,
  Float,
  FnPtr,
  float,
  fromJs,
  type HostObject,
  int,
  MemoryResolver,
  RhaiArray,
  RhaiError,
  RhaiMap,
  Scope,
  t,
  toJs,
  toJson,
  type Value,
} from "../index.ts";

function failure(run: () => unknown): RhaiError {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof RhaiError, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: "nothing was raised" });
}

const quiet = (options: EngineOptions = {}): Engine => new Engine({ onPrint: () => {}, onDebug: () => {}, ...options });

test("host functions are chosen by exact types and see their call", () => {
  const engine = quiet();
  engine.registerFn("twice", [t.int], (_ctx, x: number) => x * 2);
  engine.registerFn("twice", [t.string], (_ctx, x: string) => x + x);
  engine.registerFn("place", [], (ctx) => `${ctx.name} ${ctx.source} ${ctx.position?.line}:${ctx.position?.column}`);
  engine.registerFn("apply", [t.fn, t.any], (ctx, f: FnPtr, x) => ctx.callFnPtr(f, [x]));
  assert.equal(engine.eval("twice(21)"), 42);
  assert.equal(engine.eval(`"ab".twice()`), "abab");
  assert.equal(engine.eval("apply(|x| x + 1, 41)"), 42);
  assert.equal(engine.eval(engine.compile("let a = 1;\n  place()", { source: "main.rhai" })), "place main.rhai 2:3");
  assert.equal(
    failure(() => engine.eval("twice(1.5)")).message,
    "Function not found: twice (f64) (line 1, position 1)",
  );
});

test("errors of the host are run-time errors whose message scripts catch as a string", () => {
  const engine = quiet();
  engine.registerFn("fail", [], () => {
    throw new Error("not_found");
  });
  assert.equal(engine.eval("let r = 0; try { fail() } catch (e) { r = e; } r"), "not_found");
  const error = failure(() => engine.eval("1 + fail()"));
  assert.equal(error.message, "Runtime error: not_found (line 1, position 5)");
  assert.equal(error.kind, "ErrorRuntime");
  assert.ok(error.cause instanceof Error);
});

test("host types have a name, getters, setters, methods, an index and a text", () => {
  class Box {
    value: number;
    constructor(value: number) {
      this.value = value;
    }
  }
  const engine = quiet();
  const type = engine.registerType<Box>("Box", {
    getters: { value: (box) => box.value },
    setters: {
      value: (box, value) => {
        box.value = Number(value);
      },
    },
    methods: { add: { params: [t.int], call: (_ctx, box, n: number) => box.value + n } },
    index: (box, i) => box.value + Number(i),
    toString: (box) => `<${box.value}>`,
  });
  engine.registerFn("box", [t.int], (_ctx, n: number) => type.wrap(new Box(n)));
  engine.registerFn("unbox", [type], (_ctx, box: HostObject) => type.unwrap(box)!.value);
  assert.deepEqual(
    toJs(engine.eval("let b = box(5); b.value = 7; [type_of(b), b.value, b.add(3), b[1], `${b}`, unbox(b)]")),
    ["Box", 7, 10, 8, "<7>", 7],
  );
  assert.equal(
    failure(() => engine.eval("box(1).nope")).message,
    "Unknown property 'nope' - a getter is not registered for type 'Box' (line 1, position 8)",
  );
});

test("globals are seen by name in functions and closures, and a type of the host may have a method `call`", () => {
  const globals = new Map<string, Value>();
  const engine = new Engine({ globals });
  const type = engine.registerType<object>("Phone", {
    methods: { call: { params: [t.string], call: (_ctx, _self, name: string) => `hello ${name}` } },
  });
  globals.set("phone", type.wrap({}));
  const script = engine.compile(
    'fn own() { let phone = "mine"; phone } fn all() { let f = |n| phone.call(n); [phone.call("a"), f.call("b"), own()] }',
  );
  assert.deepEqual(toJs(engine.callFn(new Scope(), script, "all", [])), ["hello a", "hello b", "mine"]);
  assert.equal(
    failure(() => engine.eval("phone.call(1)")).message,
    "Data type incorrect: i64 (expecting Fn) (line 1, position 12)",
  );
  assert.equal(failure(() => engine.eval("phone = 1")).kind, "ErrorVariableNotFound");
});

test("who watches statements hears of each before it runs, and of none that does not", () => {
  const seen: string[] = [];
  const engine = new Engine({
    onPrint: () => {},
    onStatement: ({ name, text }, start) => seen.push(`${name}:${text.slice(start, start + 4)}`),
  });
  const text = `
const A = 1;
fn f(x) { if x > 2 { return 5; } let y = 7; for i in 0..2 { if i == 0 { continue; } y += i; } x; y }
if A > 3 { aaaa(); } else { print("") }`;
  const script = engine.compile(text, { source: "s" });
  assert.equal(engine.callFn(new Scope(), script, "f", [1]), 8);
  const rounds = ["if i", "cont", "if i", "y +="];
  assert.deepEqual(
    seen,
    ["cons", "if A", "prin", "if x", "let ", "for ", ...rounds, "x; y", "y }\n"].map((start) => `s:${start}`),
  );
  seen.length = 0;
  assert.equal(engine.callFn(new Scope(), script, "f", [3], { evalTopLevel: false }), 5);
  assert.deepEqual(seen, ["s:if x", "s:retu"]);
});

test("a scope lends variables and keeps what the script declares", () => {
  const engine = quiet();
  const scope = new Scope().push("x", 40).pushConstant("LIMIT", 2);
  assert.equal(engine.eval("let y = x + LIMIT; x = 1; y", scope), 42);
  assert.deepEqual([scope.get("x"), scope.get("y"), scope.isConstant("LIMIT")], [1, 42, true]);
  assert.equal(
    failure(() => engine.eval("LIMIT = 3", scope)).message,
    "Cannot modify constant LIMIT (line 1, position 1)",
  );
  engine.eval("let f = |n| x += n;", scope);
  assert.equal(engine.eval("f.call(5); x", scope), 6);
});

test("functions are listed, called with or without the top level, and their errors arrive unwrapped", () => {
  const engine = quiet();
  const prints: string[] = [];
  const loud = new Engine({ onPrint: (text) => prints.push(text) });
  const ast = loud.compile(
    `print("top"); const A = 2;\n/// Adds.\nfn add(a, b) { a + b + global::A }\nprivate fn hidden() { nope() }`,
    { source: "m.rhai" },
  );
  assert.deepEqual(
    ast.functions.map(({ name, params, isPrivate, docComments }) => ({ name, params, isPrivate, docComments })),
    [
      { name: "add", params: ["a", "b"], isPrivate: false, docComments: ["/// Adds."] },
      { name: "hidden", params: [], isPrivate: true, docComments: [] },
    ],
  );
  const scope = new Scope();
  assert.equal(loud.callFn(scope, ast, "add", [1, 2]), 5);
  assert.equal(loud.callFn(scope, ast, "add", [1, 2], { evalTopLevel: false }), 5);
  assert.deepEqual([prints, scope.size], [["top"], 0]);
  assert.equal(failure(() => loud.callFn(scope, ast, "add", [1])).message, "Function not found: add");
  assert.equal(
    failure(() => loud.callFn(scope, ast, "hidden", [])).message,
    "Function not found: nope () (line 4, position 23)",
  );
  assert.equal(engine.callFn(scope, engine.compile("fn f() { exit(9) }"), "f", []), 9);
});

test("one script runs many times, also while another runs", () => {
  const engine = quiet();
  const inner = engine.compile("fn g(n) { if n == 0 { 0 } else { 1 + g(n - 1) } } g(40)");
  engine.registerFn("inner", [], () => engine.eval(inner));
  assert.equal(engine.eval("fn f(n) { if n == 0 { inner() } else { f(n - 1) } } f(50)"), 40);
  for (let i = 0; i < 5; i++) assert.equal(engine.eval(inner), 40);
});

test("pointers work after their evaluation, with captured variables and module functions", () => {
  const engine = quiet();
  const f = engine.eval("fn helper(x) { x * 2 } let n = 1; |x| { n += x; helper(n) }");
  assert.ok(f instanceof FnPtr);
  assert.deepEqual([engine.callFnPtr(f, [1]), engine.callFnPtr(f, [1])], [4, 6]);
});

test("copies of containers share until one side writes", () => {
  const engine = quiet();
  const script = `
    fn grow(a) { a.push(4); a }
    let a = [[1], 2, 3]; let b = a; let c = grow(a); let f = || b; let m = #{ a: a };
    b[0].push(9); m.a[1] = 7;
    [a, b, c, m.a, f.call()]`;
  assert.equal(toJson(engine.eval(script)), "[[[1],2,3],[[1,9],2,3],[[1],2,3,4],[[1],7,3],[[1,9],2,3]]");
  const big = new RhaiArray(Array.from({ length: 1_000_000 }, (_, i) => i));
  const scope = new Scope().push("big", big);
  const copy = engine.eval("let copy = big; fn id(x) { x } id(copy)", scope);
  assert.ok(copy instanceof RhaiArray && copy.items === big.items, "no element was copied");
  engine.eval("copy[0] = -1;", scope);
  assert.equal(big.items[0], 0);
});

test("limits hold and cannot be caught", () => {
  const limited = (limits: EngineOptions["limits"]) => quiet({ limits: limits! });
  const kinds = [
    [limited({ operations: 1000 }), "loop { try { loop {} } catch {} }", "ErrorTooManyOperations"],
    [limited({ callLevels: 10 }), "fn f() { try { f() } catch {} } f()", "ErrorStackOverflow"],
    [limited({ stringSize: 100 }), `let s = "x"; try { loop { s += s; } } catch {} s`, "ErrorDataTooLarge"],
    [limited({ arraySize: 100 }), "let a = []; try { a.pad(101, 0) } catch {}", "ErrorDataTooLarge"],
    [limited({ arraySize: 100 }), "let a = [1]; try { loop { a += a; } } catch {}", "ErrorDataTooLarge"],
    [limited({ arraySize: 100 }), "let a = []; try { for i in 0..101 { a.push(1); } } catch {}", "ErrorDataTooLarge"],
    [limited({ mapSize: 2 }), "let a = []; try { loop { a.push(#{x: a}); } } catch {}", "ErrorDataTooLarge"],
    [
      limited({ mapSize: 2 }),
      "let m = #{}; try { m.mixin(#{a: 1, b: 2}); m.set(`c`, 3); } catch {}",
      "ErrorDataTooLarge",
    ],
    [limited({ wallClockMs: 20 }), "loop { try { loop {} } catch {} }", "ErrorTerminated"],
    [limited({ variables: 3 }), "let a = 1; let b = 2; let c = 3; let d = 4;", "ErrorTooManyVariables"],
  ] as const;
  for (const [engine, script, kind] of kinds) assert.equal(failure(() => engine.eval(script)).kind, kind, script);
  assert.equal(failure(() => limited({ functions: 1 }).compile("fn a() {} fn b() {}")).parseKind, "TooManyFunctions");
  const deep = `${"(".repeat(40)}1${")".repeat(40)}`;
  assert.equal(failure(() => quiet().compile(deep)).parseKind, "ExprTooDeep");
  assert.equal(quiet({ limits: { exprDepth: 200 } }).eval(deep), 1);
  assert.equal(
    failure(() => quiet({ limits: { callLevels: 0 } }).eval("fn f() { f() } f()")).kind,
    "ErrorStackOverflow",
  );
});

test("push is whatever the host or the script says it is", () => {
  const engine = quiet();
  assert.deepEqual(toJs(engine.eval("let a = [1]; let b = a; b.push(a); b.push(2); a.push(b); a")), [1, [1, [1], 2]]);
  const script = "fn push(x) { this.insert(0, x) } let a = [1]; a.push(2); a";
  assert.deepEqual(toJs(engine.eval(script)), [2, 1]);
  const ast = engine.compile("let a = [1]; for i in 0..3 { a.push(i); } a");
  assert.deepEqual(toJs(engine.eval(ast)), [1, 0, 1, 2]);
  engine.registerFn("push", [t.array, t.int], (_ctx, a) => void a.items.push("own"), { mutates: true });
  assert.deepEqual(toJs(engine.eval(ast)), [1, "own", "own", "own"]);
});

test("a callback keeps nothing from one element to the next", () => {
  const engine = quiet();
  const cases = [
    [
      "[1, 2, 3].map(|x| { x += 1; let y; if x > 2 { y = x; } [x, y] })",
      [
        [2, undefined],
        [3, 3],
        [4, 4],
      ],
    ],
    ["let n = 1; [1, 2, 3].map(|x| { n += x; |y| n * 100 + x * 10 + y }).map(|f| f.call(5))", [715, 725, 735]],
    ["let f = |x, y| { x += y; x }; [1, 2, 3].map(f.curry(10))", [11, 12, 13]],
    ["[[1, 2], [3]].map(|r| r.map(|x| x * 2).reduce(|a, x| a + x, 0))", [6, 6]],
    ["fn g(x) { eval(`let z = x * 2`); z } [1, 2, 3].map(g)", [2, 4, 6]],
    ["fn deep(n) { [n, n].map(|m| if m == 0 { 1 } else { deep(m - 1).len() }) } deep(3)", [2, 2]],
    [
      "let a = [[1], [2]]; let b = a.filter(|r| { r.push(9); r.len() == 2 }); [a, b]",
      [
        [[1], [2]],
        [[1], [2]],
      ],
    ],
  ] as const;
  for (const [script, expected] of cases) assert.deepEqual(toJs(engine.eval(script)), expected, script);
});

test("a run ends when its flag is set, its deadline passes or the progress hook says so", () => {
  const flag = new Int32Array(new SharedArrayBuffer(4));
  const engine = quiet();
  engine.registerFn("cancel", [], () => {
    Atomics.store(flag, 0, 1);
    return undefined;
  });
  const cancelled = failure(() =>
    engine.eval("cancel(); loop { try { loop {} } catch {} }", undefined, { cancel: flag }),
  );
  assert.deepEqual([cancelled.kind, cancelled.text], ["ErrorTerminated", "Script terminated"]);
  assert.equal(
    failure(() => engine.eval("loop {}", undefined, { deadline: performance.now() + 10 })).kind,
    "ErrorTerminated",
  );
  let looks = 0;
  const watched = quiet({ onProgress: () => ++looks < 5, progressInterval: 100 });
  assert.equal(failure(() => watched.eval("loop {}")).kind, "ErrorTerminated");
  assert.equal(looks, 5);
});

test("modules run once, see their own world, and report cycles with their path", () => {
  const prints: string[] = [];
  const resolver = new MemoryResolver({
    counter: `print("loaded"); const STEP = 2; export const START = 10; fn next(x) { x + global::STEP }`,
    a: `import "b" as b;`,
    b: `import "a" as a;`,
  });
  const engine = new Engine({ resolver, onPrint: (text) => prints.push(text) });
  const script = `import "counter" as c; import "counter.rhai" as d; c::next(d::START)`;
  assert.deepEqual([engine.eval(script), engine.eval(script), prints], [12, 12, ["loaded"]]);
  engine.clearModules();
  engine.eval(script);
  assert.equal(prints.length, 2);
  const cycle = failure(() => engine.eval(`import "a" as a;`));
  assert.match(
    cycle.message,
    /Module not found: a → b → a .*\nin module 'b' .*\nin module 'a' \(line 1, position 8\)$/s,
  );
});

test("errors carry places, chains across files, frames and hints", () => {
  const resolver = new MemoryResolver({ lib: "fn boom(x) {\n  x.lenn()\n}" });
  const engine = new Engine({ resolver });
  const ast = engine.compile(`import "lib" as lib;\nfn outer() { lib::boom("a") }\nouter()`, { source: "main.rhai" });
  const error = failure(() => engine.eval(ast));
  assert.equal(
    error.message,
    "Function not found: lenn (&str | ImmutableString | String) @ 'lib' (line 2, position 5)\n" +
      "in call to function 'boom' (from 'lib') (line 2, position 19)\nin call to function 'outer' (from 'main.rhai') (line 3, position 1)",
  );
  assert.deepEqual(
    error.callChain.map(({ name, source, position }) => [name, source, position?.line]),
    [
      ["boom", "main.rhai", 2],
      ["outer", "main.rhai", 3],
    ],
  );
  assert.equal(
    error.codeFrame(),
    " --> lib:2:5\n1 | fn boom(x) {\n2 |   x.lenn()\n  |     ^^^^\n  = help: did you mean 'len'?",
  );
  const division = failure(() => engine.eval("let a = 1;\na / 0"));
  assert.equal(division.message, "Division by zero: 1 / 0");
  assert.deepEqual([division.position?.line, division.position?.column, division.endPosition?.column], [2, 3, 4]);
  assert.equal(
    failure(() => engine.eval("const PORT = 1; fn f() { PORT } f()")).root.hint,
    "functions do not see top-level constants by name: use global::PORT",
  );
  assert.equal(
    failure(() => engine.eval("sqrt(4)")).hint,
    "'sqrt' wants a FLOAT: use .to_float() or write the number with a decimal point",
  );
});

test("values convert both ways without losing their type", () => {
  const js = { list: [1, 2.5, null, true, "x"], big: 2n ** 62n, bytes: Uint8Array.of(1, 2), ["__proto__x"]: 1 };
  const value = fromJs(js);
  assert.ok(value instanceof RhaiMap);
  assert.deepEqual(value.keys(), ["__proto__x", "big", "bytes", "list"]);
  assert.ok((value.get("list") as RhaiArray).items[1] instanceof Float);
  assert.deepEqual(toJs(value.get("list")), [1, 2.5, undefined, true, "x"]);
  assert.equal(toJs(value.get("big")), 2n ** 62n);
  assert.equal(toJson(fromJs({ a: float(1), b: int(2n), c: 'q"\u0001' })), '{"a":1.0,"b":2,"c":"q\\"\\u0001"}');
  assert.throws(() => int(1.5), RangeError);
  assert.throws(() => int(2n ** 63n), RangeError);
  assert.throws(() => fromJs(() => 1), TypeError);
  const hostile = quiet().eval(`#{"__proto__": 1, constructor: 2}`);
  assert.deepEqual(Object.keys(toJs(hostile) as object), ["__proto__", "constructor"]);
});

test("disabled words are reserved", () => {
  const engine = quiet({ disabledSymbols: ["eval", "loop"] });
  assert.equal(failure(() => engine.compile(`eval("1")`)).message, "'eval' is a reserved keyword (line 1, position 1)");
  assert.equal(failure(() => engine.compile("loop {}")).message, "'loop' is a reserved keyword (line 1, position 1)");
});
