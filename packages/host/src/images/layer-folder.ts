import { join } from "node:path";

/**
 * Unpacked layers, shared by all images that begin with the same ones:
 *
 *     layers/CHAIN/diff         the tree, as an overlay wants it; never written to
 *     layers/CHAIN/layer.json   its size; the folder appears complete and on disk, or not at all
 *
 * CHAIN is the OCI chain id: the digest of the layer and of all below it, whose content is verified when they are unpacked, so no image can
 * pass a layer of its own off as another's.
 */
export function layerFolder(store: string, chain: string): string {
  return join(store, "layers", chain);
}
