import { Visibility } from "@blockvisor/wire/blockjoy/common/v1/protocol";
import { SearchOperator, SortOrder } from "@blockvisor/wire/blockjoy/common/v1/search";
import {
  type Protocol,
  type ProtocolServiceListProtocolsRequestSchema,
  type ProtocolServiceListProtocolsResponse,
  ProtocolSortField,
} from "@blockvisor/wire/blockjoy/v1/protocol";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Output } from "../output/output.ts";
import type { Api } from "./api.ts";

const pageSize = 100;

/** One page of protocols, of whoever has them. */
export type AskForProtocols = (
  request: MessageInitShape<typeof ProtocolServiceListProtocolsRequestSchema>,
) => Promise<Pick<ProtocolServiceListProtocolsResponse, "protocols" | "total">>;

/** `nib protocol list` and `bv protocol list` (nib-and-images §1.8): sorted by name, at most `limit`. */
export async function listProtocols(
  out: Output,
  ask: AskForProtocols,
  { number: limit, name }: { readonly number: number; readonly name?: string },
): Promise<void> {
  const found: Protocol[] = [];
  let total = 0n;
  do {
    const page = await ask({
      offset: BigInt(found.length),
      limit: BigInt(Math.min(pageSize, limit - found.length)),
      ...(name !== undefined && { search: { operator: SearchOperator.OR, name: `%${name}%` } }),
      sort: [{ field: ProtocolSortField.NAME, order: SortOrder.ASCENDING }],
    });
    found.push(...page.protocols);
    total = page.total;
    if (page.protocols.length === 0) break;
  } while (found.length < limit && BigInt(found.length) < total);
  for (const protocol of found) printProtocol(out, protocol);
  if (total > BigInt(found.length)) {
    const code = out.program === "nib" ? "NIB404" : "BV404";
    out.warn({ code, message: `only ${found.length} of ${total} protocols are shown; --number shows more` });
  }
  out.document({ protocols: found.map(protocolData), total: Number(total) });
}

export function askApi(api: Api): AskForProtocols {
  return (request) => api.call("ProtocolService/ListProtocols", () => api.protocols.listProtocols(request));
}

function printProtocol(out: Output, { name, key, description, versions }: Protocol): void {
  out.line(description ? `- ${name} [${key}]: ${description}` : `- ${name} (${key})`);
  for (const { versionKey, semanticVersion } of versions) {
    out.line(`   * ${versionKey?.variantKey ?? ""}/${semanticVersion}`);
  }
  out.line();
}

function protocolData(protocol: Protocol) {
  return {
    id: protocol.protocolId,
    key: protocol.key,
    name: protocol.name,
    description: protocol.description ?? null,
    ticker: protocol.ticker ?? null,
    org_id: protocol.orgId ?? null,
    visibility: Visibility[protocol.visibility]?.toLowerCase() ?? "",
    versions: protocol.versions.map((version) => ({
      variant_key: version.versionKey?.variantKey ?? "",
      version: version.semanticVersion,
      visibility: Visibility[version.visibility]?.toLowerCase() ?? "",
    })),
  };
}
