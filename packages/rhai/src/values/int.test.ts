import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Engine } from "../engine/engine.ts";
import { Scope } from "../engine/scope.ts";
import { RhaiError } from "../errors/rhai-error.ts";
import { INT_MAX, INT_MIN, type Int, narrow } from "./int.ts";

/** i64 arithmetic of scripts against bigints: every operator, through the engine. */

const engine = new Engine();
const edges = [
  0n,
  1n,
  -1n,
  2n,
  7n,
  63n,
  64n,
  255n,
  2147483648n,
  4294967296n,
  9007199254740991n,
  9007199254740992n,
  INT_MAX,
  INT_MIN,
];
const int64 = fc.oneof(
  fc.bigInt({ min: INT_MIN, max: INT_MAX }),
  fc.constantFrom(...edges, ...edges.map((edge) => -edge).filter((edge) => edge <= INT_MAX)),
  fc.bigInt({ min: -100000n, max: 100000n }),
  fc.bigInt({ min: -(2n ** 53n) - 10n, max: 2n ** 53n + 10n }),
);

const fits = (value: bigint): bigint | null => (value > INT_MAX || value < INT_MIN ? null : value);
const shift = (a: bigint, n: bigint): bigint =>
  n >= 64n ? 0n : n <= -64n ? (a < 0n ? -1n : 0n) : n >= 0n ? BigInt.asIntN(64, a << n) : a >> -n;

/** What an operator gives; null for an error. */
const expected: Readonly<Record<string, (a: bigint, b: bigint) => bigint | boolean | null>> = {
  "+": (a, b) => fits(a + b),
  "-": (a, b) => fits(a - b),
  "*": (a, b) => fits(a * b),
  "/": (a, b) => (b === 0n ? null : fits(a / b)),
  "%": (a, b) => (b === 0n || (a === INT_MIN && b === -1n) ? null : a % b),
  "&": (a, b) => BigInt.asIntN(64, a & b),
  "|": (a, b) => BigInt.asIntN(64, a | b),
  "^": (a, b) => BigInt.asIntN(64, a ^ b),
  "<<": (a, b) => shift(a, b),
  ">>": (a, b) => shift(a, -b),
  "==": (a, b) => a === b,
  "<": (a, b) => a < b,
  ">=": (a, b) => a >= b,
};

function run(script: string, values: Readonly<Record<string, bigint>>): bigint | boolean | null {
  const scope = new Scope();
  for (const [name, value] of Object.entries(values)) scope.push(name, narrow(value));
  try {
    const result = engine.eval(script, scope);
    assert.ok(!Object.is(result, -0), "-0 is no INT");
    assert.ok(typeof result !== "bigint" || !Number.isSafeInteger(Number(result)), "safe integers are numbers");
    return typeof result === "boolean" ? result : BigInt(result as Int);
  } catch (error) {
    assert.ok(error instanceof RhaiError && error.kind === "ErrorArithmetic", String(error));
    return null;
  }
}

const literal = (value: bigint): string =>
  value === INT_MIN ? "(-9223372036854775807 - 1)" : value < 0n ? `(${value})` : `${value}`;

for (const [op, calculate] of Object.entries(expected)) {
  test(`i64: a ${op} b for variables, constants and op-assignment`, () => {
    fc.assert(
      fc.property(int64, int64, (a, b) => {
        const want = calculate(a, b);
        assert.equal(run(`x ${op} y`, { x: a, y: b }), want);
        assert.equal(run(`let a = x; let b = y; a ${op} b`, { x: a, y: b }), want);
        assert.equal(run(`let a = x; a ${op} ${literal(b)}`, { x: a }), want);
        assert.equal(run(`${literal(a)} ${op} ${literal(b)}`, {}), want);
        if (!/[=<>]$/.test(op) || op === "<<" || op === ">>")
          assert.equal(run(`let a = x; a ${op}= y; a`, { x: a, y: b }), want);
      }),
      { numRuns: 150 },
    );
  });
}

test("i64: (a * b + c) % m stays exact beyond the safe range", () => {
  const operand = fc.oneof(
    int64,
    fc.bigInt({ min: -(2n ** 33n), max: 2n ** 33n }),
    fc.bigInt({ min: 0n, max: 2n ** 31n }),
    fc.constantFrom(0n, 1n, 2n ** 31n - 1n, 2n ** 31n, -1n),
  );
  const modulus = fc.oneof(
    fc.bigInt({ min: 2n, max: 2n ** 52n }),
    fc.integer({ min: 1, max: 52 }).map((n) => 2n ** BigInt(n)),
  );
  fc.assert(
    fc.property(operand, operand, operand, modulus, fc.boolean(), (a, b, c, m, minus) => {
      const product = fits(a * b);
      const sum = product === null ? null : fits(minus ? product - c : product + c);
      const want = sum === null ? null : sum % m;
      const op = minus ? "-" : "+";
      assert.equal(run(`let a = x; let b = y; let c = z; (a * b ${op} c) % ${m}`, { x: a, y: b, z: c }), want);
      assert.equal(run(`let a = x; (a * ${literal(b)} ${op} ${literal(c)}) % ${m}`, { x: a }), want);
      assert.equal(run(`let a = x; a * ${literal(b)} % ${m}`, { x: a }), product === null ? null : product % m);
    }),
    { numRuns: 2000 },
  );
});

test("i64: negation, abs and powers", () => {
  fc.assert(
    fc.property(int64, fc.integer({ min: 0, max: 70 }), (a, n) => {
      assert.equal(run("-x", { x: a }), fits(-a));
      assert.equal(run("x.abs()", { x: a }), fits(a < 0n ? -a : a));
      assert.equal(run(`x ** ${n}`, { x: a }), fits(a ** BigInt(n)));
    }),
    { numRuns: 300 },
  );
});
