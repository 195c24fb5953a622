/** Texts of FLOATs (spec 13), all from the shortest digits that JavaScript gives. */

const LARGE = 9999999827968;
const SMALL = 9.9999998245167e-14;

/** Sign, significant digits without point, and the exponent of the first digit. */
function decompose(x: number): { readonly sign: string; readonly digits: string; readonly exponent: number } {
  const [mantissa, exponent] = Math.abs(x).toExponential().split("e") as [string, string];
  return { sign: x < 0 || Object.is(x, -0) ? "-" : "", digits: mantissa.replace(".", ""), exponent: Number(exponent) };
}

function exponentForm(x: number): string {
  const { sign, digits, exponent } = decompose(x);
  const fraction = digits.length > 1 ? `.${digits.slice(1)}` : "";
  return `${sign}${digits[0]}${fraction}e${exponent}`;
}

/** Plain digits, `.0` appended when integral. */
function positionalForm(x: number): string {
  const { sign, digits, exponent } = decompose(x);
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  if (digits.length <= exponent + 1) return `${sign}${digits}${"0".repeat(exponent + 1 - digits.length)}.0`;
  return `${sign}${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`;
}

function special(x: number): string | null {
  if (Number.isNaN(x)) return "NaN";
  if (x === Number.POSITIVE_INFINITY) return "inf";
  return x === Number.NEGATIVE_INFINITY ? "-inf" : null;
}

export function displayFloat(x: number): string {
  if (x === 0) return "0.0";
  const size = Math.abs(x);
  if (size > LARGE || size < SMALL) return special(x) ?? exponentForm(x);
  return special(x) ?? positionalForm(x);
}

export function debugFloat(x: number): string {
  if (x === 0) return Object.is(x, -0) ? "-0.0" : "0.0";
  const size = Math.abs(x);
  if (size < 1e-4 || size >= 1e16) return special(x) ?? exponentForm(x);
  return special(x) ?? positionalForm(x);
}

/** All digits of an integral value, without point: as error texts show it. */
export function integerDigits(x: number): string {
  return special(x) ?? positionalForm(x).replace(/\.0$/, "");
}
