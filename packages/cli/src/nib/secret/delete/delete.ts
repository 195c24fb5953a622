import type { Call } from "../../../command/verb.ts";
import { asUser, chosenScope } from "../scope.ts";
import type { ScopeOptions } from "../verbs.ts";

/** `nib secret delete`: nodes find what the next scope has, if anything. */
export async function deleteSecret({ out, args, options }: Call<ScopeOptions, [key: string]>): Promise<void> {
  const [key] = args;
  const { scope, text, view } = chosenScope(options);
  await asUser(out, "DeleteSecret", (store) => store.deleteSecret({ scope, key }));
  out.line(`Secret '${key}' of ${text} deleted`);
  out.document({ key, ...view });
}
