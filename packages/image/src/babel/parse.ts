import { type Parsed, parseYaml } from "../yaml/parse.ts";
import type { Image } from "./model.ts";
import { imageShape } from "./shape.ts";

export type ParsedImage = Parsed<Image>;

/** Decodes `babel.yaml` with every finding about syntax and types; `validateImage` looks at the meaning. */
export function parseImage(text: string, file = "babel.yaml"): ParsedImage {
  return parseYaml(file, text, imageShape);
}
