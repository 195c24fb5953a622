export type { ImageProgress, ImageStore, UnpackedImage } from "./image-store.ts";
export { createImageStore } from "./local-image-store.ts";
export type { SourcePolicy } from "./source-policy.ts";
