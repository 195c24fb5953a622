import assert from "node:assert/strict";
import { test } from "node:test";
import { parseContainerUri } from "@blockvisor/image/container";
import { requireAllowedSource, type SourcePolicy } from "./source-policy.ts";

const anything: SourcePolicy = { registries: undefined, pinned: false, signaturePolicy: undefined };
const digest = `sha256:${"0".repeat(64)}`;

function codeOf(uri: string, policy: Partial<SourcePolicy>, known?: string): string {
  try {
    requireAllowedSource(parseContainerUri(uri), { ...anything, ...policy }, known);
    return "allowed";
  } catch (error) {
    return (error as { readonly code: string }).code;
  }
}

test("a list of registries admits what is in them and below, by whole names", () => {
  const registries = ["ghcr.io/acme", "registry.example.com:5000", "docker.io/library/debian"];
  const codes = (...uris: string[]) => uris.map((uri) => codeOf(uri, { registries }));
  const allowed = [
    "ghcr.io/acme/node:v1",
    "ghcr.io/acme",
    "registry.example.com:5000/a/b",
    "debian:13",
    "GHCR.IO/acme/a",
  ];
  assert.deepEqual(
    codes(...allowed),
    allowed.map(() => "allowed"),
  );
  const refused = [
    "ghcr.io/acmeevil/node",
    "ghcr.io/other/node",
    "registry.example.com/a/b",
    "debian/more:1",
    "evil.io/ghcr.io/acme/a",
  ];
  assert.deepEqual(
    codes(...refused),
    refused.map(() => "image-registry-refused"),
  );
  assert.equal(codeOf("ghcr.io/acme/node", { registries: [] }), "image-registry-refused");
  assert.equal(codeOf(`ghcr.io/other/node@${digest}`, { registries }, digest), "image-registry-refused");
});

test("with pinning a tag is not enough, unless its digest is known already", () => {
  const pinned = true;
  assert.equal(codeOf("ghcr.io/acme/node:v1", { pinned }), "image-not-pinned");
  assert.equal(codeOf("ghcr.io/acme/node", { pinned }), "image-not-pinned");
  assert.equal(codeOf(`ghcr.io/acme/node@${digest}`, { pinned }), "allowed");
  assert.equal(codeOf("ghcr.io/acme/node:v1", { pinned }, digest), "allowed");
});

test("what is on the machine came there by its operator", () => {
  const policy = { registries: [], pinned: true };
  for (const uri of ["docker-daemon://node:v1", "oci:/srv/node", "docker-archive:/srv/node.tar", "dir:/srv/node"]) {
    assert.equal(codeOf(uri, policy), "allowed", uri);
  }
  assert.equal(codeOf("containers-storage:node:v1", policy), "allowed");
  const store = "[overlay@/home/m/s+/home/m/r:overlay.mount_program=/home/m/evil]";
  assert.equal(codeOf(`containers-storage:${store}node:v1`, {}), "container-uri-unsupported");
});
