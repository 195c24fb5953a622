import type { EffectiveVariant } from "./model.ts";
import { expandProperties, type PropertyRow } from "./properties.ts";

export const BYTES_PER_MB = 1_000_000n;
export const BYTES_PER_GB = 1_000_000_000n;

export interface Resources {
  readonly cpu: number;
  readonly memoryMb: number;
  readonly diskGb: number;
}

/**
 * What a node needs when `supplied` was chosen explicitly (values nobody supplied contribute nothing): the minimum plus all additions,
 * never less than the minimum (spec nib-and-images.md §3.5). `supplied` maps property keys to values, or names expanded keys.
 */
export function nodeResources(
  variant: EffectiveVariant,
  supplied: Readonly<Record<string, string>> | readonly string[],
): Resources {
  const rows = suppliedRows(variant, supplied);
  const sum = (minimum: number, pick: (row: PropertyRow) => number | null | undefined): number =>
    Math.max(
      minimum,
      rows.reduce((total, row) => total + (pick(row) ?? 0), minimum),
    );
  return {
    cpu: sum(variant.minCpu, (row) => row.impact?.addCpu),
    memoryMb: sum(variant.minMemoryMb, (row) => row.impact?.addMemoryMb),
    diskGb: sum(variant.minDiskGb, (row) => row.impact?.addDiskGb),
  };
}

/** The rows that a choice stands for. */
export function suppliedRows(
  variant: EffectiveVariant,
  supplied: Readonly<Record<string, string>> | readonly string[],
): PropertyRow[] {
  const rows = expandProperties(variant);
  if (Array.isArray(supplied)) return rows.filter((row) => supplied.includes(row.key));
  const values = supplied as Readonly<Record<string, string>>;
  return rows.filter((row) =>
    row.keyGroup === null ? row.key in values : values[row.keyGroup] === row.defaultValue || row.key in values,
  );
}
