import assert from "node:assert/strict";
import { test } from "node:test";
import { parseHostConfig } from "../config/host-config.ts";
import { reportOf } from "../errors/host-error.ts";
import { requireAllowed } from "./privileged.ts";

const config = (...images: readonly string[]) =>
  parseHostConfig(JSON.stringify({ mode: "dev", privileged_images: images }), "blockvisor.json");

function isAllowed(uri: string, ...images: readonly string[]): boolean {
  try {
    requireAllowed(config(...images), { uri, privileged: true });
    return true;
  } catch (error) {
    assert.equal(reportOf(error).code, "unsupported");
    return false;
  }
}

const digest = `sha256:${"a".repeat(64)}`;

test("an image is privileged only where an entry names it: all of its versions, or one", () => {
  for (const uri of ["docker://ghcr.io/acme/vpn:1", "ghcr.io/acme/vpn", `docker://ghcr.io/acme/vpn@${digest}`]) {
    assert.deepEqual([uri, isAllowed(uri), isAllowed(uri, "docker://ghcr.io/acme/vpn")], [uri, false, true]);
  }
  const one = `ghcr.io/acme/vpn@${digest}`;
  assert.deepEqual([isAllowed(`docker://${one}`, one), isAllowed("ghcr.io/acme/vpn:1", one)], [true, false]);
  for (const [entry, uri] of [
    ["localhost", "localhost:5000/evil"],
    ["ghcr.io/acme/vpn", "ghcr.io/acme/vpn-evil"],
    ["ghcr.io/acme/vpn", "evil.io/acme/vpn"],
    ["ghcr.io/acme/vpn", "docker-daemon://ghcr.io/acme/vpn:1"],
    ["oci:/images/vpn", "oci:/images/other:vpn"],
  ] as const) {
    assert.deepEqual([entry, uri, isAllowed(uri, entry)], [entry, uri, false]);
  }
  assert.ok(isAllowed("oci:/images/vpn:1", "oci:/images/vpn"));
  assert.ok(isAllowed("docker-daemon://vpn:latest", "docker-daemon://vpn"));
});

test("an image that asks for nothing needs nobody's consent; an entry that is no image is refused at once", () => {
  requireAllowed(config(), { uri: "ghcr.io/acme/node:1", privileged: false });
  assert.throws(() => config("no image"), /privileged_images\.0: container_uri: 'no image' is invalid/);
});
