const units = ["B", "kB", "MB", "GB", "TB", "PB"] as const;

/** `1.5 GB`: decimal, three digits that matter. */
export function bytesText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${Number(value.toPrecision(3))} ${units[unit]}`;
}
