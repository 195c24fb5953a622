/** A semantic version (semver 2.0.0). Build metadata is kept in the text and ignored in comparisons. */
export interface SemanticVersion {
  readonly major: bigint;
  readonly minor: bigint;
  readonly patch: bigint;
  readonly prerelease: readonly string[];
}

const numeric = "(0|[1-9]\\d{0,17})";
const pattern = new RegExp(
  `^${numeric}\\.${numeric}\\.${numeric}(?:-([0-9a-z-]+(?:\\.[0-9a-z-]+)*))?(?:\\+[0-9a-z-]+(?:\\.[0-9a-z-]+)*)?$`,
);

/** Lower case only: the server lower-cases versions before it stores them (spec §0.5). */
export function parseVersion(text: string): SemanticVersion | undefined {
  const match = text.length > 128 ? null : pattern.exec(text);
  if (match === null) return undefined;
  const prerelease = match[4]?.split(".") ?? [];
  if (prerelease.some((part) => /^0\d+$/.test(part))) return undefined;
  return {
    major: BigInt(match[1] ?? 0),
    minor: BigInt(match[2] ?? 0),
    patch: BigInt(match[3] ?? 0),
    prerelease,
  };
}

/** Orders texts that parse; texts that do not come first. */
export function compareVersions(left: string, right: string): number {
  const a = parseVersion(left);
  const b = parseVersion(right);
  if (a === undefined || b === undefined) return Number(a !== undefined) - Number(b !== undefined);
  for (const part of ["major", "minor", "patch"] as const) {
    if (a[part] !== b[part]) return a[part] < b[part] ? -1 : 1;
  }
  return comparePrerelease(a.prerelease, b.prerelease);
}

function comparePrerelease(a: readonly string[], b: readonly string[]): number {
  if (a.length === 0 || b.length === 0) return b.length - a.length;
  for (let index = 0; index < Math.max(a.length, b.length); index += 1) {
    const left = a[index];
    const right = b[index];
    if (left === undefined || right === undefined) return left === undefined ? -1 : 1;
    if (left === right) continue;
    const leftNumber = /^\d+$/.test(left);
    const rightNumber = /^\d+$/.test(right);
    if (leftNumber && rightNumber) return BigInt(left) < BigInt(right) ? -1 : 1;
    if (leftNumber !== rightNumber) return leftNumber ? -1 : 1;
    return left < right ? -1 : 1;
  }
  return 0;
}

/** The version that a fix would get: of a prerelease its release. */
export function nextPatch(version: string): string {
  const { major = 0n, minor = 0n, patch = 0n, prerelease = [] } = parseVersion(version) ?? {};
  return `${major}.${minor}.${prerelease.length > 0 ? patch : patch + 1n}`;
}
