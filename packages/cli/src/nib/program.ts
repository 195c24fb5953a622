import type { Verb } from "../command/verb.ts";
import { completionVerbs } from "../completion/verbs.ts";
import { imageVerbs } from "./image/verbs.ts";
import { configVerb, loginVerb } from "./login/verb.ts";
import { logoutVerb } from "./logout/verb.ts";
import { protocolVerbs } from "./protocol/verbs.ts";
import { secretVerbs } from "./secret/verbs.ts";
import { whoamiVerb } from "./whoami/verb.ts";

export const nib: Verb & { readonly name: "nib" } = {
  name: "nib",
  summary: "build, check and publish node images",
  verbs: [
    imageVerbs,
    protocolVerbs,
    secretVerbs,
    loginVerb,
    logoutVerb,
    whoamiVerb,
    configVerb,
    ...completionVerbs(() => nib),
  ],
};
