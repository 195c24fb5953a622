import type { Verb } from "../../command/verb.ts";
import { createVerb } from "./create/verb.ts";

export const imageVerbs = {
  name: "image",
  aliases: ["i"],
  summary: "create, build, check, play and publish a node image",
  verbs: [createVerb],
} as const satisfies Verb;
