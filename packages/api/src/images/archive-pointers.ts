import type { ArchivePointer } from "@blockvisor/wire/blockjoy/v1/image";
import { failedPrecondition, invalidArgument } from "../rpc-error.ts";
import { key } from "../wire-fields.ts";

/** What a property contributes to the choice of an archive. */
export interface ArchiveProperty {
  readonly key: string;
  readonly key_group: string | null;
  readonly new_archive: boolean;
}

export interface NewArchive {
  /** keys of the combination, sorted */
  readonly keys: readonly string[];
  readonly storeKey: string;
}

const mostCombinations = 256;

/** Identifies a combination independent of order. */
export const combinationOf = (keys: readonly string[]): string => [...keys].sort().join(",");

const shown = (combination: string) => (combination === "" ? "(none)" : combination);

/**
 * Checks the pointers of an image (spec §2.8.1 step 4): each combination of its new-archive properties exactly once. Sets no
 * node can have, two members of one group, need not be given. Without pointers and without such properties there is one
 * archive named after protocol and variant.
 */
export function archivesOf(
  properties: readonly ArchiveProperty[],
  pointers: readonly ArchivePointer[],
  implicitStoreKey: string,
): readonly NewArchive[] {
  const choosing = properties.filter((property) => property.new_archive);
  if (choosing.length === 0 && pointers.length === 0) return [{ keys: [], storeKey: implicitStoreKey }];
  const demanded = possibleCombinations(choosing);
  const all = new Set(choosing.map((property) => property.key));
  const given = new Map<string, NewArchive | undefined>();
  for (const { newArchiveKeys, pointer } of pointers) {
    const unknown = newArchiveKeys.find((name) => !all.has(name));
    if (unknown !== undefined) throw invalidArgument(`missing archive_pointer key: ${unknown}`);
    const combination = combinationOf(newArchiveKeys);
    if (given.has(combination) || new Set(newArchiveKeys).size !== newArchiveKeys.length) {
      throw invalidArgument(`invalid archive_pointer key combo: ${shown(combination)}`);
    }
    if (pointer.case === undefined) throw invalidArgument("archive_pointer.pointer");
    const keys = [...newArchiveKeys].sort();
    given.set(
      combination,
      pointer.case === "disallowed" ? undefined : { keys, storeKey: key(pointer.value, "store_key", 6) },
    );
  }
  const missing = demanded.filter((combination) => !given.has(combination));
  if (missing.length > 0) throw invalidArgument(`missing archive_pointer key combos: ${missing.map(shown).join("; ")}`);
  return [...given.values()].filter((archive) => archive !== undefined);
}

function possibleCombinations(choosing: readonly ArchiveProperty[]): readonly string[] {
  const groups = new Map<string, string[]>();
  for (const { key: name, key_group } of choosing) {
    const group = key_group ?? `\0${name}`;
    groups.set(group, [...(groups.get(group) ?? []), name]);
  }
  let combinations: readonly (readonly string[])[] = [[]];
  for (const members of groups.values()) {
    combinations = combinations.flatMap((chosen) => [chosen, ...members.map((member) => [...chosen, member])]);
    if (combinations.length > mostCombinations) {
      throw failedPrecondition(`new_archive properties make more than ${mostCombinations} combinations of archives`);
    }
  }
  return combinations.map(combinationOf);
}
