/** Bytes in GB (10⁹ bytes) with three decimals. */
export function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(3)} GB`;
}
