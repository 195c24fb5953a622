export type { ImageOptions, ImageProgress, ImageStore, UnpackedImage } from "./image-store.ts";
