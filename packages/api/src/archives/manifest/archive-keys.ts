import { isObjectKey } from "../store/object-key.ts";

/** Where the objects of an archive lie (babel-agent §6.4, §9.3). Every key that is ever signed comes from here. */
export const archiveKeys = {
  archive: (storeKey: string) => `${storeKey}/`,
  version: (storeKey: string, version: bigint) => `${storeKey}/${version}/`,
  header: (storeKey: string, version: bigint) => `${storeKey}/${version}/manifest-header.json`,
  body: (storeKey: string, version: bigint) => `${storeKey}/${version}/manifest-body.json`,
  files: (storeKey: string, version: bigint) => `${storeKey}/${version}/manifest-files.json`,
  part: (storeKey: string, version: bigint, index: number) => `${storeKey}/${version}/data.part_${index}`,
  contents: (storeKey: string) => `${storeKey}/cas/`,
  /** @param id in hex */
  content: (storeKey: string, id: string) => `${storeKey}/cas/${id.slice(0, 2)}/${id}`,
} as const;

/** Whether a manifest of the archive may name an object: what other servers wrote is checked too before it is signed (D6-01). */
export function belongsTo(storeKey: string, version: bigint, key: string): boolean {
  const inside =
    key.startsWith(archiveKeys.version(storeKey, version)) || key.startsWith(archiveKeys.contents(storeKey));
  return inside && isObjectKey(key);
}

export type OwnedKey =
  | { readonly kind: "version"; readonly storeKey: string; readonly version: bigint }
  | { readonly kind: "content"; readonly storeKey: string; readonly id: string };

/** What a key that was signed for writing belongs to. */
export function ownerOfKey(key: string): OwnedKey | undefined {
  const version = /^([a-z0-9-]+)\/([0-9]+)\/(?:data\.part_[0-9]+|manifest-files\.json)$/.exec(key);
  if (version !== null) return { kind: "version", storeKey: version[1] ?? "", version: BigInt(version[2] ?? 0) };
  const content = /^([a-z0-9-]+)\/cas\/[0-9a-f]{2}\/([0-9a-f]{64})$/.exec(key);
  return content === null ? undefined : { kind: "content", storeKey: content[1] ?? "", id: content[2] ?? "" };
}
