import type { Verb } from "../../command/verb.ts";
import { buildVerb } from "./build/verb.ts";
import { checkVerb } from "./check/verb.ts";
import { containerUriVerb } from "./container-uri/verb.ts";
import { createVerb } from "./create/verb.ts";
import { inspectVerb } from "./inspect/verb.ts";
import { playVerb } from "./play/verb.ts";
import { pushVerb } from "./push/verb.ts";
import { testVerb } from "./test/verb.ts";
import { upgradeVerb } from "./upgrade/verb.ts";

export const imageVerbs: Verb = {
  name: "image",
  aliases: ["i"],
  summary: "create, build, check, test, play and publish a node image",
  verbs: [createVerb, buildVerb, checkVerb, inspectVerb, testVerb, playVerb, upgradeVerb, pushVerb, containerUriVerb],
};
