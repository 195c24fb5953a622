import { RhaiError } from "../errors/rhai-error.ts";
import { binary, type Operator } from "../ops/arithmetic.ts";
import type { Site } from "../run/vm.ts";
import { Float } from "../values/float.ts";
import { MAX_SAFE } from "../values/int.ts";
import { Timestamp } from "../values/timestamp.ts";
import type { Value } from "../values/value.ts";
import { type Exec, located } from "./exec.ts";
import type { Operand } from "./operand.ts";

/**
 * The operators that hot loops use, each with closures for the shapes variable ∘ constant, variable ∘ variable and the
 * general one. Everything but plain numbers goes through `slowBinary`.
 */

/** An operator on whatever values. Arithmetic errors get a place for tools only: the reference prints none. */
export function slowBinary(op: Operator, a: Value, b: Value, site: Site): Value {
  try {
    return binary(op, a, b);
  } catch (error) {
    if (error instanceof RhaiError && error.kind === "ErrorArithmetic" && !(a instanceof Timestamp)) {
      throw error.atSilently(site.source, site.start, site.end);
    }
    throw located(error, site);
  }
}

/** `+` with the common cases inline: INTs whose result stays safe, and FLOATs. */
export function add(l: Operand, r: Operand, site: Site): Exec {
  const { slot } = l;
  const left = l.exec;
  const right = r.exec;
  if (r.constant !== null) {
    const b = r.constant;
    if (slot >= 0) {
      return (f) => {
        const a = f[slot];
        if (typeof a === "number") {
          const n = a + b;
          if (n <= MAX_SAFE && n >= -MAX_SAFE) return n;
        }
        return slowBinary("+", a, b, site);
      };
    }
    return (f) => {
      const a = left(f);
      if (typeof a === "number") {
        const n = a + b;
        if (n <= MAX_SAFE && n >= -MAX_SAFE) return n;
      }
      return slowBinary("+", a, b, site);
    };
  }
  if (slot >= 0 && r.slot >= 0) {
    const other = r.slot;
    return (f) => {
      const a = f[slot];
      const b = f[other];
      if (typeof a === "number" && typeof b === "number") {
        const n = a + b;
        if (n <= MAX_SAFE && n >= -MAX_SAFE) return n;
      }
      return a instanceof Float && b instanceof Float ? new Float(a.n + b.n) : slowBinary("+", a, b, site);
    };
  }
  return (f) => {
    const a = left(f);
    const b = right(f);
    if (typeof a === "number" && typeof b === "number") {
      const n = a + b;
      if (n <= MAX_SAFE && n >= -MAX_SAFE) return n;
    }
    return a instanceof Float && b instanceof Float ? new Float(a.n + b.n) : slowBinary("+", a, b, site);
  };
}

/** `-` with the common cases inline: INTs whose result stays safe, and FLOATs. */
export function subtract(l: Operand, r: Operand, site: Site): Exec {
  const { slot } = l;
  const left = l.exec;
  const right = r.exec;
  if (r.constant !== null) {
    const b = r.constant;
    if (slot >= 0) {
      return (f) => {
        const a = f[slot];
        if (typeof a === "number") {
          const n = a - b;
          if (n <= MAX_SAFE && n >= -MAX_SAFE) return n;
        }
        return slowBinary("-", a, b, site);
      };
    }
    return (f) => {
      const a = left(f);
      if (typeof a === "number") {
        const n = a - b;
        if (n <= MAX_SAFE && n >= -MAX_SAFE) return n;
      }
      return slowBinary("-", a, b, site);
    };
  }
  if (slot >= 0 && r.slot >= 0) {
    const other = r.slot;
    return (f) => {
      const a = f[slot];
      const b = f[other];
      if (typeof a === "number" && typeof b === "number") {
        const n = a - b;
        if (n <= MAX_SAFE && n >= -MAX_SAFE) return n;
      }
      return a instanceof Float && b instanceof Float ? new Float(a.n - b.n) : slowBinary("-", a, b, site);
    };
  }
  return (f) => {
    const a = left(f);
    const b = right(f);
    if (typeof a === "number" && typeof b === "number") {
      const n = a - b;
      if (n <= MAX_SAFE && n >= -MAX_SAFE) return n;
    }
    return a instanceof Float && b instanceof Float ? new Float(a.n - b.n) : slowBinary("-", a, b, site);
  };
}

/** `*` with the common cases inline: INTs whose result stays safe, and FLOATs. */
export function multiply(l: Operand, r: Operand, site: Site): Exec {
  const { slot } = l;
  const left = l.exec;
  const right = r.exec;
  if (r.constant !== null) {
    const b = r.constant;
    if (slot >= 0) {
      return (f) => {
        const a = f[slot];
        if (typeof a === "number") {
          const n = a * b;
          if (n <= MAX_SAFE && n >= -MAX_SAFE) return n + 0;
        }
        return slowBinary("*", a, b, site);
      };
    }
    return (f) => {
      const a = left(f);
      if (typeof a === "number") {
        const n = a * b;
        if (n <= MAX_SAFE && n >= -MAX_SAFE) return n + 0;
      }
      return slowBinary("*", a, b, site);
    };
  }
  if (slot >= 0 && r.slot >= 0) {
    const other = r.slot;
    return (f) => {
      const a = f[slot];
      const b = f[other];
      if (typeof a === "number" && typeof b === "number") {
        const n = a * b;
        if (n <= MAX_SAFE && n >= -MAX_SAFE) return n + 0;
      }
      return a instanceof Float && b instanceof Float ? new Float(a.n * b.n) : slowBinary("*", a, b, site);
    };
  }
  return (f) => {
    const a = left(f);
    const b = right(f);
    if (typeof a === "number" && typeof b === "number") {
      const n = a * b;
      if (n <= MAX_SAFE && n >= -MAX_SAFE) return n + 0;
    }
    return a instanceof Float && b instanceof Float ? new Float(a.n * b.n) : slowBinary("*", a, b, site);
  };
}

/** `%`: the remainder of plain numbers is exact; only the sign of zero needs care. 32-bit numbers are divided as such. */
export function remainder(l: Operand, r: Operand, site: Site): Exec {
  const { slot } = l;
  const left = l.exec;
  const right = r.exec;
  if (r.constant !== null && r.constant !== 0) {
    const b = r.constant;
    if (b !== (b | 0)) return (f) => remainderOf(left(f), b, site);
    if (slot >= 0) {
      return (f) => {
        const a = f[slot];
        if (typeof a === "number") {
          const small = a | 0;
          if (small === a) return (small % b) | 0;
        }
        return remainderOf(a, b, site);
      };
    }
    return (f) => {
      const a = left(f);
      if (typeof a === "number") {
        const small = a | 0;
        if (small === a) return (small % b) | 0;
      }
      return remainderOf(a, b, site);
    };
  }
  return (f) => {
    const a = left(f);
    return remainderOf(a, right(f), site);
  };
}

function remainderOf(a: Value, b: Value, site: Site): Value {
  return typeof a === "number" && typeof b === "number" && b !== 0 ? (a % b) + 0 : slowBinary("%", a, b, site);
}

export function divide(l: Operand, r: Operand, site: Site): Exec {
  const left = l.exec;
  const right = r.exec;
  return (f) => {
    const a = left(f);
    const b = right(f);
    if (typeof a === "number" && typeof b === "number" && b !== 0) return Math.trunc(a / b) + 0;
    return a instanceof Float && b instanceof Float ? new Float(a.n / b.n) : slowBinary("/", a, b, site);
  };
}

/** `&` of 32-bit numbers is JavaScript's own. */
export function bitAnd(l: Operand, r: Operand, site: Site): Exec {
  const { slot } = l;
  const left = l.exec;
  const right = r.exec;
  if (slot >= 0 && r.constant !== null && r.constant === (r.constant | 0)) {
    const b = r.constant;
    return (f) => {
      const a = f[slot];
      return typeof a === "number" && a === (a | 0) ? a & b : slowBinary("&", a, b, site);
    };
  }
  return (f) => {
    const a = left(f);
    const b = right(f);
    if (typeof a === "number" && typeof b === "number" && a === (a | 0) && b === (b | 0)) return a & b;
    return slowBinary("&", a, b, site);
  };
}

export function generic(op: Operator, l: Operand, r: Operand, site: Site): Exec {
  const left = l.exec;
  const right = r.exec;
  return (f) => {
    const a = left(f);
    return slowBinary(op, a, right(f), site);
  };
}

export function less(l: Operand, r: Operand, site: Site): Exec {
  const { slot } = l;
  const left = l.exec;
  const right = r.exec;
  if (r.constant !== null) {
    const b = r.constant;
    if (slot >= 0) {
      return (f) => {
        const a = f[slot];
        return typeof a === "number" ? a < b : slowBinary("<", a, b, site);
      };
    }
    return (f) => {
      const a = left(f);
      return typeof a === "number" ? a < b : slowBinary("<", a, b, site);
    };
  }
  if (slot >= 0 && r.slot >= 0) {
    const other = r.slot;
    return (f) => {
      const a = f[slot];
      const b = f[other];
      return typeof a === "number" && typeof b === "number" ? a < b : slowBinary("<", a, b, site);
    };
  }
  return (f) => {
    const a = left(f);
    const b = right(f);
    return typeof a === "number" && typeof b === "number" ? a < b : slowBinary("<", a, b, site);
  };
}

export function lessEqual(l: Operand, r: Operand, site: Site): Exec {
  const { slot } = l;
  const left = l.exec;
  const right = r.exec;
  if (r.constant !== null) {
    const b = r.constant;
    if (slot >= 0) {
      return (f) => {
        const a = f[slot];
        return typeof a === "number" ? a <= b : slowBinary("<=", a, b, site);
      };
    }
    return (f) => {
      const a = left(f);
      return typeof a === "number" ? a <= b : slowBinary("<=", a, b, site);
    };
  }
  if (slot >= 0 && r.slot >= 0) {
    const other = r.slot;
    return (f) => {
      const a = f[slot];
      const b = f[other];
      return typeof a === "number" && typeof b === "number" ? a <= b : slowBinary("<=", a, b, site);
    };
  }
  return (f) => {
    const a = left(f);
    const b = right(f);
    return typeof a === "number" && typeof b === "number" ? a <= b : slowBinary("<=", a, b, site);
  };
}

export function greater(l: Operand, r: Operand, site: Site): Exec {
  const { slot } = l;
  const left = l.exec;
  const right = r.exec;
  if (r.constant !== null) {
    const b = r.constant;
    if (slot >= 0) {
      return (f) => {
        const a = f[slot];
        return typeof a === "number" ? a > b : slowBinary(">", a, b, site);
      };
    }
    return (f) => {
      const a = left(f);
      return typeof a === "number" ? a > b : slowBinary(">", a, b, site);
    };
  }
  if (slot >= 0 && r.slot >= 0) {
    const other = r.slot;
    return (f) => {
      const a = f[slot];
      const b = f[other];
      return typeof a === "number" && typeof b === "number" ? a > b : slowBinary(">", a, b, site);
    };
  }
  return (f) => {
    const a = left(f);
    const b = right(f);
    return typeof a === "number" && typeof b === "number" ? a > b : slowBinary(">", a, b, site);
  };
}

export function greaterEqual(l: Operand, r: Operand, site: Site): Exec {
  const { slot } = l;
  const left = l.exec;
  const right = r.exec;
  if (r.constant !== null) {
    const b = r.constant;
    if (slot >= 0) {
      return (f) => {
        const a = f[slot];
        return typeof a === "number" ? a >= b : slowBinary(">=", a, b, site);
      };
    }
    return (f) => {
      const a = left(f);
      return typeof a === "number" ? a >= b : slowBinary(">=", a, b, site);
    };
  }
  if (slot >= 0 && r.slot >= 0) {
    const other = r.slot;
    return (f) => {
      const a = f[slot];
      const b = f[other];
      return typeof a === "number" && typeof b === "number" ? a >= b : slowBinary(">=", a, b, site);
    };
  }
  return (f) => {
    const a = left(f);
    const b = right(f);
    return typeof a === "number" && typeof b === "number" ? a >= b : slowBinary(">=", a, b, site);
  };
}

export function equal(l: Operand, r: Operand, site: Site): Exec {
  const { slot } = l;
  const left = l.exec;
  const right = r.exec;
  if (r.constant !== null) {
    const b = r.constant;
    if (slot >= 0) {
      return (f) => {
        const a = f[slot];
        return typeof a === "number" ? a === b : slowBinary("==", a, b, site);
      };
    }
    return (f) => {
      const a = left(f);
      return typeof a === "number" ? a === b : slowBinary("==", a, b, site);
    };
  }
  if (slot >= 0 && r.slot >= 0) {
    const other = r.slot;
    return (f) => {
      const a = f[slot];
      const b = f[other];
      return typeof a === "number" && typeof b === "number" ? a === b : slowBinary("==", a, b, site);
    };
  }
  return (f) => {
    const a = left(f);
    const b = right(f);
    if (typeof a === "number" && typeof b === "number") return a === b;
    return typeof a === "string" && typeof b === "string" ? a === b : slowBinary("==", a, b, site);
  };
}

export function notEqual(l: Operand, r: Operand, site: Site): Exec {
  const { slot } = l;
  const left = l.exec;
  const right = r.exec;
  if (r.constant !== null) {
    const b = r.constant;
    if (slot >= 0) {
      return (f) => {
        const a = f[slot];
        return typeof a === "number" ? a !== b : slowBinary("!=", a, b, site);
      };
    }
    return (f) => {
      const a = left(f);
      return typeof a === "number" ? a !== b : slowBinary("!=", a, b, site);
    };
  }
  if (slot >= 0 && r.slot >= 0) {
    const other = r.slot;
    return (f) => {
      const a = f[slot];
      const b = f[other];
      return typeof a === "number" && typeof b === "number" ? a !== b : slowBinary("!=", a, b, site);
    };
  }
  return (f) => {
    const a = left(f);
    const b = right(f);
    if (typeof a === "number" && typeof b === "number") return a !== b;
    return typeof a === "string" && typeof b === "string" ? a !== b : slowBinary("!=", a, b, site);
  };
}
