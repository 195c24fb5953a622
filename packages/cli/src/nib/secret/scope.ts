import { type ListSecretsRequest, SecretStoreService } from "@blockvisor/wire/blockvisor/secrets/v1/secrets";
import type { Client } from "@connectrpc/connect";
import { Api } from "../../cloud/api.ts";
import { readCredentials } from "../../cloud/credentials.ts";
import { Failure } from "../../failure/failure.ts";
import type { Output } from "../../output/output.ts";
import type { ScopeOptions } from "./verbs.ts";

interface ChosenScope {
  readonly scope: ListSecretsRequest["scope"];
  /** As a person says it. */
  readonly text: string;
  readonly view: { readonly org_id?: string; readonly node_id?: string; readonly platform?: true };
}

export function chosenScope({ org, node, platform }: ScopeOptions): ChosenScope {
  const chosen: ChosenScope[] = [];
  if (org !== undefined) {
    chosen.push({ scope: { case: "orgId", value: org }, text: `the org ${org}`, view: { org_id: org } });
  }
  if (node !== undefined) {
    chosen.push({ scope: { case: "nodeId", value: node }, text: `the node ${node}`, view: { node_id: node } });
  }
  if (platform) chosen.push({ scope: { case: "platform", value: true }, text: "the platform", view: { platform } });
  const [only, ...others] = chosen;
  if (only && others.length === 0) return only;
  throw new Failure("usage", "say whose secret: one of --org ID, --node ID and --platform", {
    hint: "`bv node info NODE --format json` has the ids of a node and its org",
  });
}

/** One call as the user that is logged in. `name` is what is told of it. */
export async function asUser<T>(
  out: Output,
  name: string,
  request: (store: Client<typeof SecretStoreService>) => Promise<T>,
): Promise<T> {
  const { url, token } = readCredentials(out);
  using api = new Api(out, url, token);
  const store = api.client(SecretStoreService);
  return await api.once(`SecretStoreService/${name}`, () => request(store));
}
