/** Where and how plain data are otherwise now than they were: the first difference; undefined: they are the same. */
export function jsonDifference(was: unknown, is: unknown, path = ""): string | undefined {
  if (Object.is(was, is)) return undefined;
  if (!isNested(was) || !isNested(is) || Array.isArray(was) !== Array.isArray(is))
    return `${path === "" ? "" : `${path}: `}it was ${shown(was)}, now it is ${shown(is)}`;
  for (const key of new Set([...Object.keys(was), ...Object.keys(is)])) {
    const at = Array.isArray(was) ? `${path}[${key}]` : path === "" ? key : `${path}.${key}`;
    if (!Object.hasOwn(is, key)) return `${at}: it was ${shown(was[key])}, now there is none`;
    if (!Object.hasOwn(was, key)) return `${at}: there was none, now it is ${shown(is[key])}`;
    const found = jsonDifference(was[key], is[key], at);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isNested(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

const shown = (value: unknown): string => JSON.stringify(value);
