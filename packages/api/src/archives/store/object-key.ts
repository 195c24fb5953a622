const segment = /^[a-z0-9_.-]{1,255}$/;
const longestKey = 1024;

/**
 * The components of an object's key. Only what the archive layout needs: lower case, no component that a file system reads as something
 * else, so a key can never name anything outside of the store.
 * @throws a RangeError for anything else
 */
export function keySegments(key: string): readonly string[] {
  const segments = key.split("/");
  const valid =
    key.length <= longestKey && segments.every((name) => segment.test(name) && name !== "." && name !== "..");
  if (!valid) throw new RangeError(`'${key.slice(0, 80)}' cannot be the key of an object`);
  return segments;
}

export function isObjectKey(key: string): boolean {
  try {
    return keySegments(key).length > 0;
  } catch {
    return false;
  }
}
