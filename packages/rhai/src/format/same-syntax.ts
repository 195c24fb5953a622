/** Where things stand, and the names of closures, which are made from that. */
const POSITIONS = new Set(["start", "end", "pos", "opEnd", "nameEnd", "nameStart", "dotPos", "keyStart", "keyEnd"]);
const LEFT_OUT = new Set([...POSITIONS, "comments", "docComments"]);

/** Are two trees the same but for positions, comments and empty statements? */
export function sameSyntax(a: unknown, b: unknown): boolean {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return Object.is(a, b);
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b)) return false;
    const [left, right] = [a.filter(isNotEmpty), b.filter(isNotEmpty)];
    return left.length === right.length && left.every((item, i) => sameSyntax(item, right[i]));
  }
  const isClosure = "kind" in a && a.kind === "Closure";
  const keys = (node: object) =>
    Object.keys(node).filter((key) => !LEFT_OUT.has(key) && !(isClosure && key === "name"));
  const [left, right] = [keys(a), keys(b)];
  return left.length === right.length && left.every((key) => sameSyntax(Reflect.get(a, key), Reflect.get(b, key)));
}

function isNotEmpty(item: unknown): boolean {
  return !(typeof item === "object" && item !== null && "kind" in item && item.kind === "Empty");
}
