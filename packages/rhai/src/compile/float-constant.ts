import type { Site } from "../run/vm.ts";
import { Float } from "../values/float.ts";
import { slowBinary } from "./binary-operators.ts";
import type { Exec } from "./exec.ts";
import type { Operand } from "./operand.ts";

/** `x op 0.5`: the constant needs no looking at, and an INT becomes a FLOAT on the way. Null for other operators. */
export function withFloatConstant(op: string, l: Operand, constant: Float, site: Site): Exec | null {
  const left = l.exec;
  const b = constant.n;
  switch (op) {
    case "+":
      return (f) => {
        const a = left(f);
        if (typeof a === "number") return new Float(a + b);
        return a instanceof Float ? new Float(a.n + b) : slowBinary("+", a, constant, site);
      };
    case "-":
      return (f) => {
        const a = left(f);
        if (typeof a === "number") return new Float(a - b);
        return a instanceof Float ? new Float(a.n - b) : slowBinary("-", a, constant, site);
      };
    case "*":
      return (f) => {
        const a = left(f);
        if (typeof a === "number") return new Float(a * b);
        return a instanceof Float ? new Float(a.n * b) : slowBinary("*", a, constant, site);
      };
    case "/":
      return (f) => {
        const a = left(f);
        if (typeof a === "number") return new Float(a / b);
        return a instanceof Float ? new Float(a.n / b) : slowBinary("/", a, constant, site);
      };
    default:
      return null;
  }
}
