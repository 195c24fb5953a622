import type { Verb } from "../command/verb.ts";
import { imageVerbs } from "./image/verbs.ts";

export const nib = {
  name: "nib",
  summary: "build, check and publish node images",
  verbs: [imageVerbs],
} as const satisfies Verb;
