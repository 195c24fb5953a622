export type { ImageOptions, ImageProgress, ImageStore, UnpackedImage } from "./image-store.ts";
export { createImageStore, type ImageStoreOptions } from "./local-image-store.ts";
