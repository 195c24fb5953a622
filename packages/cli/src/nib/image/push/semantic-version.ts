/** Order of two semantic versions (semver 2.0 §11): negative, zero, positive. Build metadata does not count. */
export function compareVersions(a: string, b: string): number {
  const [coreA, preA] = split(a);
  const [coreB, preB] = split(b);
  for (let index = 0; index < 3; index++) {
    const difference = (coreA[index] ?? 0) - (coreB[index] ?? 0);
    if (difference !== 0) return difference;
  }
  if (preA.length === 0 || preB.length === 0) return preB.length - preA.length;
  for (let index = 0; index < Math.max(preA.length, preB.length); index++) {
    const difference = comparePart(preA[index], preB[index]);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The version after this one that a fix would get. */
export function nextPatch(version: string): string {
  const [[major = 0, minor = 0, patch = 0], pre] = split(version);
  return `${major}.${minor}.${pre.length > 0 ? patch : patch + 1}`;
}

function split(version: string): readonly [readonly number[], readonly string[]] {
  const [bare = ""] = version.split("+");
  const dash = bare.indexOf("-");
  const core = dash < 0 ? bare : bare.slice(0, dash);
  return [core.split(".").map(Number), dash < 0 ? [] : bare.slice(dash + 1).split(".")];
}

function comparePart(a: string | undefined, b: string | undefined): number {
  if (a === undefined || b === undefined) return (a === undefined ? 0 : 1) - (b === undefined ? 0 : 1);
  const [numericA, numericB] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (numericA && numericB) return Number(a) - Number(b);
  if (numericA !== numericB) return numericA ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}
