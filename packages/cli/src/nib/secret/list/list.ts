import { Scope } from "@blockvisor/wire/blockvisor/secrets/v1/secrets";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { Call } from "../../../command/verb.ts";
import { asUser, chosenScope } from "../scope.ts";
import type { ScopeOptions } from "../verbs.ts";

const scopeNames: Readonly<Record<Scope, string>> = {
  [Scope.UNSPECIFIED]: "?",
  [Scope.NODE]: "node",
  [Scope.ORG]: "org",
  [Scope.PLATFORM]: "platform",
};

/** `nib secret list`: what there is, never what it says. */
export async function listSecrets({ out, options }: Call<ScopeOptions, []>): Promise<void> {
  const { scope, text } = chosenScope(options);
  const { secrets } = await asUser(out, "ListSecrets", (store) => store.listSecrets({ scope }));
  const views = secrets.map((secret) => ({
    key: secret.key,
    scope: scopeNames[secret.scope] ?? "?",
    version: secret.version,
    updated_at: secret.updatedAt ? timestampDate(secret.updatedAt).toISOString() : null,
    protocols: secret.protocolKeys,
  }));
  if (views.length === 0) out.line(`There are no secrets of ${text}.`);
  else {
    out.table(
      [
        { title: "Key", value: ({ key }) => key, colour: "cyan" },
        { title: "Of", value: (row) => row.scope },
        { title: "Version", value: ({ version }) => String(version), align: "right" },
        { title: "Changed", value: (row) => row.updated_at?.slice(0, 19).replace("T", " ") ?? "-" },
        { title: "For", value: ({ protocols }) => protocols.join(", ") || "all" },
      ],
      views,
    );
  }
  out.document({ secrets: views });
}
