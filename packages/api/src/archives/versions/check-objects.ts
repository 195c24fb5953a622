import type { Manifest } from "../manifest/manifest.ts";
import type { ObjectStore } from "../store/object-store.ts";

const atOnce = 32;

export interface BadObjects {
  readonly indexes: readonly number[];
  /** the side object */
  readonly files: boolean;
}

/**
 * Looks at every object of a manifest (D6-05). @param onProgress called now and then
 * @returns the chunks whose object is missing or has another size
 */
export async function checkObjects(
  store: ObjectStore,
  manifest: Manifest,
  filesKey: string,
  onProgress: () => Promise<void>,
): Promise<BadObjects> {
  const bad: number[] = [];
  const { chunks, summary } = manifest;
  for (let at = 0; at < chunks.length; at += atOnce) {
    const group = chunks.slice(at, at + atOnce);
    const facts = await Promise.all(group.map(({ key, size }) => (size === 0 ? undefined : store.head(key))));
    facts.forEach((fact, offset) => {
      const size = group[offset]?.size ?? 0;
      if (size > 0 && fact?.size !== size) bad.push(at + offset);
    });
    await onProgress();
  }
  const files = summary.files !== undefined && (await store.head(filesKey))?.size !== summary.files.size;
  return { indexes: bad, files };
}
