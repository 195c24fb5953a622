import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { bytesText } from "../../../output/bytes.ts";
import { stateDirectory } from "../../../place/root.ts";

/** What images that were fetched take unpacked, as the host noted it. */
export interface ImagesView {
  readonly count: number;
  readonly bytes: number;
}

export function fetchedImages(): ImagesView {
  const images = sizesIn("images/rootfs", "image.json");
  const layers = sizesIn("images/layers", "layer.json");
  return { count: images.length, bytes: [...images, ...layers].reduce((sum, size) => sum + size, 0) };
}

export function imagesText({ count, bytes }: ImagesView): string {
  return count === 0 ? "none" : `${count}, ${bytesText(bytes)} unpacked`;
}

function names(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function sizesIn(place: string, record: string): readonly number[] {
  const folder = join(stateDirectory(), place);
  return names(folder).flatMap((name) => sizeIn(join(folder, name, record)));
}

/** Images of earlier versions do not tell; what is not complete is none. */
function sizeIn(file: string): readonly number[] {
  try {
    const { bytes = 0 }: { readonly bytes?: unknown } = JSON.parse(readFileSync(file, "utf8"));
    return [typeof bytes === "number" ? bytes : 0];
  } catch {
    return [];
  }
}
