import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type ContainerUri,
  formatContainerUri,
  hasMutableTag,
  isHostLocal,
  isLoopbackRegistry,
  isOperationError,
  parseContainerUri,
  resolveContainerPath,
} from "./index.ts";

const hex = "0123456789abcdef".repeat(4);
const hub = (repository: string, tag?: string) => ({
  registry: "docker.io",
  repository,
  ...(tag === undefined ? {} : { tag }),
});

const FORMS: readonly (readonly [text: string, uri: ContainerUri, canonical: string])[] = [
  [
    "docker://ghcr.io/org/img:v1",
    { kind: "docker", image: { registry: "ghcr.io", repository: "org/img", tag: "v1" } },
    "docker://ghcr.io/org/img:v1",
  ],
  [
    `docker:ghcr.io/org/img@sha256:${hex}`,
    { kind: "docker", image: { registry: "ghcr.io", repository: "org/img", digest: `sha256:${hex}` } },
    `docker://ghcr.io/org/img@sha256:${hex}`,
  ],
  [
    "docker://localhost:5000/x:1",
    { kind: "docker", image: { registry: "localhost:5000", repository: "x", tag: "1" } },
    "docker://localhost:5000/x:1",
  ],
  [
    "ghcr.io/org/img:tag",
    { kind: "docker", image: { registry: "ghcr.io", repository: "org/img", tag: "tag" } },
    "docker://ghcr.io/org/img:tag",
  ],
  ["img", { kind: "docker", image: hub("library/img") }, "docker://docker.io/library/img:latest"],
  ["img:tag", { kind: "docker", image: hub("library/img", "tag") }, "docker://docker.io/library/img:tag"],
  [
    "docker-daemon://img:latest",
    { kind: "docker-daemon", image: { kind: "name", reference: hub("library/img", "latest") } },
    "docker-daemon://docker.io/library/img:latest",
  ],
  [
    "docker-daemon:grp/img:tag",
    { kind: "docker-daemon", image: { kind: "name", reference: hub("grp/img", "tag") } },
    "docker-daemon://docker.io/grp/img:tag",
  ],
  [
    `docker-daemon:sha256:${hex}`,
    { kind: "docker-daemon", image: { kind: "id", id: `sha256:${hex}` } },
    `docker-daemon://sha256:${hex}`,
  ],
  ["docker-archive://path/a.tar", { kind: "docker-archive", path: "path/a.tar" }, "docker-archive:path/a.tar"],
  [
    "docker-archive:///abs/a.tar:img:v1",
    { kind: "docker-archive", path: "/abs/a.tar", name: "img:v1" },
    "docker-archive:/abs/a.tar:img:v1",
  ],
  ["oci://dir:tag", { kind: "oci", path: "dir", name: "tag" }, "oci:dir:tag"],
  ["oci:/abs/dir", { kind: "oci", path: "/abs/dir" }, "oci:/abs/dir"],
  ["oci-archive://./x.tar", { kind: "oci-archive", path: "./x.tar" }, "oci-archive:./x.tar"],
  ["dir:/abs/folder", { kind: "dir", path: "/abs/folder" }, "dir:/abs/folder"],
  [
    "containers-storage:localhost/img:v2",
    {
      kind: "containers-storage",
      store: "",
      image: { kind: "name", reference: { registry: "localhost", repository: "img", tag: "v2" } },
    },
    "containers-storage:localhost/img:v2",
  ],
  [
    "containers-storage:[vfs@/a+/b]localhost/img:v2",
    {
      kind: "containers-storage",
      store: "[vfs@/a+/b]",
      image: { kind: "name", reference: { registry: "localhost", repository: "img", tag: "v2" } },
    },
    "containers-storage:[vfs@/a+/b]localhost/img:v2",
  ],
  [
    "library://user/coll/img:1",
    { kind: "foreign", transport: "library", reference: "user/coll/img:1" },
    "library://user/coll/img:1",
  ],
  ["oras://ghcr.io/x:1", { kind: "foreign", transport: "oras", reference: "ghcr.io/x:1" }, "oras://ghcr.io/x:1"],
  ["https://host/x.sif", { kind: "foreign", transport: "https", reference: "host/x.sif" }, "https://host/x.sif"],
  ["/abs/image.sif", { kind: "foreign", transport: "path", reference: "/abs/image.sif" }, "/abs/image.sif"],
];

for (const [text, uri, canonical] of FORMS) {
  test(`container_uri ${text}`, () => {
    assert.deepEqual(parseContainerUri(text), uri);
    assert.equal(formatContainerUri(uri), canonical);
    assert.equal(formatContainerUri(parseContainerUri(canonical)), canonical);
  });
}

for (const [text, code] of [
  ["", "container-uri-empty"],
  ["  ", "container-uri-empty"],
  ["docker://", "container-uri-invalid"],
  ["docker-daemon:", "container-uri-invalid"],
  ["oci::tag", "container-uri-invalid"],
  ["docker://Org/Img:1", "container-uri-invalid"],
  ["docker://ghcr.io/org/IMG:1", "container-uri-invalid"],
  ["docker://ghcr.io/org/img:", "container-uri-invalid"],
  ["docker://ghcr.io/org/img@sha256:12", "container-uri-invalid"],
  ["docker://-bad-/x", "container-uri-invalid"],
  ["ftp://host/x", "container-uri-invalid"],
  ["docker://img name:1", "container-uri-invalid"],
  ["docker://img\n:1", "container-uri-invalid"],
  ["docker-daemon://--option:1", "container-uri-invalid"],
] as const) {
  test(`container_uri ${JSON.stringify(text)} is refused: ${code}`, () => {
    assert.throws(
      () => parseContainerUri(text),
      (error) => isOperationError(error, code) && error.fix !== undefined,
    );
  });
}

test("anything parses to a value or to a container_uri error", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.tuple(fc.constantFrom("docker:", "oci:", "containers-storage:["), fc.string())),
      (input) => {
        try {
          const uri = parseContainerUri(Array.isArray(input) ? input.join("") : input);
          assert.equal(formatContainerUri(parseContainerUri(formatContainerUri(uri))), formatContainerUri(uri));
        } catch (error) {
          assert.ok(isOperationError(error) && error.code.startsWith("container-uri-"), String(error));
        }
      },
    ),
  );
});

test("relative paths belong to the folder they are written in", () => {
  assert.deepEqual(resolveContainerPath(parseContainerUri("oci-archive://./x.tar"), "/images/a"), {
    kind: "oci-archive",
    path: "/images/a/x.tar",
  });
  assert.deepEqual(resolveContainerPath(parseContainerUri("oci:/x"), "/images/a"), { kind: "oci", path: "/x" });
});

test("what push has to warn about", () => {
  const facts = (text: string) => [isHostLocal(parseContainerUri(text)), hasMutableTag(parseContainerUri(text))];
  assert.deepEqual(facts("docker://ghcr.io/o/i:v1"), [false, false]);
  assert.deepEqual(facts("docker://ghcr.io/o/i"), [false, true]);
  assert.deepEqual(facts("docker://ghcr.io/o/i:latest"), [false, true]);
  assert.deepEqual(facts(`docker://ghcr.io/o/i@sha256:${hex}`), [false, false]);
  assert.deepEqual(facts("docker-daemon://i:latest"), [true, false]);
  assert.deepEqual(facts("dir:/x"), [true, false]);
});

test("only registries on this machine may speak plain http", () => {
  for (const name of ["localhost", "localhost:5000", "127.0.0.1:5000", "127.9.9.9", "[::1]:5000"]) {
    assert.equal(isLoopbackRegistry(name), true, name);
  }
  for (const name of ["ghcr.io", "localhost.example.org", "127.0.0.1.example.org", "10.0.0.1:5000"]) {
    assert.equal(isLoopbackRegistry(name), false, name);
  }
});
