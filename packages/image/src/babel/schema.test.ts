import assert from "node:assert/strict";
import { test } from "node:test";
import { babelSchema, protocolsSchema } from "../index.ts";

test("the schema names every field, and every reference resolves", () => {
  for (const schema of [babelSchema(), protocolsSchema()]) {
    const defined = new Set(Object.keys(schema["$defs"] as object));
    const references = [...JSON.stringify(schema).matchAll(/"#\/\$defs\/(\w+)"/g)].map((match) => match[1]!);
    assert.deepEqual(
      references.filter((name) => !defined.has(name)),
      [],
    );
    assert.ok(references.length > 0);
  }
  const schema = babelSchema() as {
    required: string[];
    properties: Record<string, { description?: string }>;
    additionalProperties: boolean;
  };
  assert.deepEqual(schema.required, [
    "version",
    "container_uri",
    "protocol_key",
    "visibility",
    "variants",
    "properties",
    "firewall_config",
  ]);
  assert.equal(schema.additionalProperties, false);
  for (const [name, field] of Object.entries(schema.properties)) assert.ok(field.description, name);
});
