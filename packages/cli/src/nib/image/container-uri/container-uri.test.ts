import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { TemporaryDirectory } from "../../../testing/cli-process.ts";
import { nibInside } from "../../../testing/run-inside.ts";

/** Parsable, and wrong in nearly every other way. */
const invalid = `
version: v1
container_uri: oci-archive:///images/a.tar # comment
protocol_key: NOT A KEY
visibility: public
properties: []
firewall_config: { default_in: deny, default_out: allow, rules: [] }
variants: []
`;

test("the uri is one line, also of a file that is otherwise invalid", async () => {
  using directory = new TemporaryDirectory();
  writeFileSync(join(directory.path, "babel.yaml-test"), invalid);
  const options = { cwd: directory.path };
  assert.deepEqual(await nibInside(["image", "container-uri", "-u", "babel.yaml-test"], options), {
    status: 0,
    stdout: "oci-archive:///images/a.tar\n",
    stderr: "",
  });
  const json = await nibInside(["i", "container-uri", "--path", "babel.yaml-test", "--format", "json"], options);
  assert.deepEqual(JSON.parse(json.stdout), {
    ok: true,
    command: "image.container-uri",
    data: { container_uri: "oci-archive:///images/a.tar", transport: "oci-archive", reference: "/images/a.tar" },
    warnings: [],
  });
});

test("a file that is not there, or not YAML, is told with its place", async () => {
  using directory = new TemporaryDirectory();
  const missing = await nibInside(["image", "container-uri"], { cwd: directory.path });
  assert.equal(missing.status, 1);
  assert.equal(
    missing.stderr,
    "Error: cannot read babel.yaml (NIB004)\n" +
      "  cause: ENOENT: no such file or directory, open 'babel.yaml'\n" +
      "  next:  make one with `nib image create`, or name it with --path\n",
  );
  writeFileSync(join(directory.path, "babel.yaml"), "version: [1\nvariants: []\n");
  const broken = await nibInside(["image", "container-uri"], { cwd: directory.path });
  assert.equal(broken.status, 3);
  assert.match(broken.stderr, /^Error: babel.yaml has .*\(NIB232\)\n\n {2}babel.yaml:\d+:\d+ error NIB101 /);
});
