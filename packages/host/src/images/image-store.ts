import type { ImageConfig } from "@blockvisor/image/container";

/**
 * Images by digest under `<root>/var/lib/blockvisor/images`: fetched once, unpacked once, shared read-only by all nodes, their layers by all images.
 * Safe for several processes at once and for `kill -9` at any instant.
 *
 * Errors: the codes of `fetchToLayout`, and `image-unpack-failed`, `image-unknown`, `container-uri-relative`; those of `requireAllowedSource`.
 */
export interface ImageStore {
  /** The digest a reference stands for now (tag → digest). Asks the registry, daemon or archive; fetches nothing else. */
  resolve(uri: string, options?: ImageOptions): Promise<string>;

  /** Fetches and unpacks what `uri` stands for now, or the `digest` it was resolved to, where it is not there yet. */
  ensure(uri: string, options?: ImageOptions & { readonly digest?: string }): Promise<UnpackedImage>;

  /** An image that is already unpacked. Error `image-unknown`. */
  get(digest: string): Promise<UnpackedImage>;

  list(): Promise<readonly UnpackedImage[]>;

  /**
   * Removes images that no root file system of a node in `nodesDirectory` stands on and that are not in `keep`.
   * Those used within the last hour, or `graceMs` if that is less, stay: a create may be about to use them. Those not used for `graceMs`
   * (default one hour) go, and, the least recently used first, as many as are needed for all to take no more than `maxBytes` of the disk.
   * Returns removed digests.
   */
  collectGarbage(options: {
    readonly nodesDirectory: string;
    readonly keep?: ReadonlySet<string>;
    readonly graceMs?: number;
    readonly maxBytes?: number;
  }): Promise<readonly string[]>;
}

export interface ImageOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: ImageProgress) => void;
}

export type ImageProgress =
  | { readonly step: "resolve" | "ready" }
  | { readonly step: "fetch" | "unpack"; readonly line: string };

export interface UnpackedImage {
  /** `sha256:…` as `resolveDigest` gives it: the image's identity everywhere on this host. */
  readonly digest: string;
  /**
   * Folders of its layers, lowest first, as an overlay wants them: owned by the store, never written to. More than one are in one
   * folder, with short names. An image that could not be kept in layers has one.
   */
  readonly layers: readonly string[];
  /** Where its /var/lib/babel/plugin lies, and maybe nothing else of it. */
  readonly pluginRoot: string;
  readonly config: ImageConfig;
}
