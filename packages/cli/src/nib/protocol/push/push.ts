import { type Protocol, parseProtocols, validateProtocols } from "@blockvisor/image";
import { Api } from "../../../cloud/api.ts";
import { readCredentials } from "../../../cloud/credentials.ts";
import { visibilityNumbers, visibilityWord } from "../../../cloud/visibility.ts";
import type { Call } from "../../../command/verb.ts";
import { Failure } from "../../../failure/failure.ts";
import { readText } from "../../../files/read-text.ts";
import { type Change, changes, printChanges } from "../../change.ts";
import { invalidMetadata } from "../../metadata/read-image.ts";
import type { PushOptions } from "../verbs.ts";

interface ProtocolPlan {
  readonly protocol: Protocol;
  /** Undefined: it is new. */
  readonly id: string | undefined;
  readonly action: "added" | "updated" | "unchanged";
  readonly diff: readonly Change[];
}

/** `nib protocol push` (nib-and-images §1.8): nothing is sent before the whole file is valid. */
export async function pushProtocols({ out, options }: Call<PushOptions, []>): Promise<void> {
  const protocols = readProtocols(options);
  const { token, url } = readCredentials(out);
  using api = new Api(out, url, token);
  const plans: ProtocolPlan[] = [];
  for (const protocol of protocols) {
    const plan = await planProtocol(api, protocol);
    if (!options.dryRun) await carryOut(api, plan);
    plans.push(plan);
    out.line(`Protocol '${protocol.key}' ${options.dryRun ? `would be ${plan.action}` : plan.action}`);
    if (plan.action === "updated") printChanges(out, plan.diff);
  }
  out.document({ protocols: plans.map(({ protocol, action, diff }) => ({ key: protocol.key, action, diff })) });
}

function readProtocols({ path, key }: PushOptions): readonly Protocol[] {
  const parsed = parseProtocols(readText(path, "name the list of protocols with --path"), path);
  const findings = validateProtocols(parsed);
  if (!parsed.value || findings.some(({ severity }) => severity === "error")) {
    throw invalidMetadata(path, findings, { [path]: parsed.source.text });
  }
  if (key === undefined) return parsed.value;
  const chosen = parsed.value.filter((protocol) => protocol.key === key);
  if (chosen.length > 0) return chosen;
  throw new Failure("usage", `${path} has no protocol '${key}'`, {
    hint: `it has: ${parsed.value.map((protocol) => protocol.key).join(", ")}`,
  });
}

async function planProtocol(api: Api, protocol: Protocol): Promise<ProtocolPlan> {
  const existing = await api.find("ProtocolService/GetProtocol", () =>
    api.protocols.getProtocol({
      protocol: { case: "protocolKey", value: protocol.key },
      ...(protocol.orgId !== null && { orgId: protocol.orgId }),
    }),
  );
  const found = existing?.protocol;
  const wanted = { name: protocol.name, description: protocol.description, visibility: protocol.visibility };
  if (!found) return { protocol, id: undefined, action: "added", diff: [] };
  const current = {
    name: found.name,
    description: found.description ?? null,
    visibility: visibilityWord(found.visibility),
  };
  // An absent description cannot clear the stored one, so it is no change.
  const diff = changes(current, { ...wanted, description: wanted.description ?? current.description });
  return { protocol, id: found.protocolId, action: diff.length > 0 ? "updated" : "unchanged", diff };
}

async function carryOut(api: Api, { protocol, id, action }: ProtocolPlan): Promise<void> {
  if (action === "unchanged") return;
  const visibility = visibilityNumbers[protocol.visibility];
  const optional = {
    ...(protocol.description !== null && { description: protocol.description }),
  };
  if (id === undefined) {
    const { key, name, orgId, ticker } = protocol;
    const added = await api.once("ProtocolService/AddProtocol", () =>
      api.protocols.addProtocol({
        ...{ key, name, ...optional },
        ...(orgId !== null && { orgId }),
        ...(ticker !== null && { ticker }),
      }),
    );
    const protocolId = added.protocol?.protocolId ?? "";
    await api.call("ProtocolService/UpdateProtocol", () => api.protocols.updateProtocol({ protocolId, visibility }));
    return;
  }
  await api.call("ProtocolService/UpdateProtocol", () =>
    api.protocols.updateProtocol({ protocolId: id, name: protocol.name, ...optional, visibility }),
  );
}
