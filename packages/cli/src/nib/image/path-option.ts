import type { VerbOption } from "../../command/verb.ts";

/** `--path` of every verb that reads a babel.yaml; the format never depends on the file's name (nib-and-images §1.3). */
export const pathOption: VerbOption = {
  flags: "--path <file>",
  summary: "the image's metadata",
  initial: "babel.yaml",
  completes: "file",
};

/** The same for verbs that may be given a plugin's directory. */
export const pathOrBesideOption: VerbOption = {
  flags: "--path <file>",
  summary: "the image's metadata (default: babel.yaml here, or beside the plugin)",
  completes: "file",
};

export const variantOption: VerbOption = {
  flags: "--variant <key>",
  summary: "variant of the image; needed when the file has several",
  completes: "variant",
};

export const secretOption: VerbOption = {
  flags: "--secret <key=value>",
  summary: "what get_secret() finds, KEY=VALUE or KEY=@FILE; may be repeated",
  repeats: true,
};

export const propsOption: VerbOption = {
  flags: "--props <values>",
  summary: `values of properties, a JSON or YAML map of texts: '{"key":"value"}', or @FILE`,
};
