import { visibility } from "../babel/shape.ts";
import { list, record } from "../yaml/collections.ts";
import { nullable, text, uuid } from "../yaml/scalars.ts";
import { type JsonSchema, jsonSchema, type Shape } from "../yaml/shape.ts";
import type { Protocol } from "./model.ts";

/** The model of `protocols.yaml` (spec nib-and-images.md §3.13). */
export const protocolsShape = list(
  record<Protocol>(
    {
      key: {
        yaml: "key",
        doc: "unique; what images name in protocol_key",
        shape: text({ type: "string", pattern: "^[a-z0-9-]{3,}$" }),
      },
      name: { yaml: "name", doc: "shown to users; may change", shape: text() },
      orgId: {
        yaml: "org_id",
        doc: "UUID of the owning organisation; null = public",
        shape: nullable(uuid()),
        absent: { value: null },
      },
      ticker: {
        yaml: "ticker",
        doc: "symbol of the token; only used when the protocol is added",
        shape: nullable(text()),
        absent: { value: null },
      },
      description: { yaml: "description", doc: "shown to users", shape: nullable(text()), absent: { value: null } },
      visibility: { yaml: "visibility", doc: "public, private or development", shape: visibility },
    },
    { definition: "protocol", doc: "a protocol that images belong to" },
  ),
);

/** JSON Schema of `protocols.yaml` for editors. */
export function protocolsSchema(): JsonSchema {
  return jsonSchema(protocolsShape as Shape<unknown>, { title: "protocols.yaml" });
}
