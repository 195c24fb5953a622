import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { runCli, TemporaryDirectory } from "../../../testing/cli-process.ts";
import { busyboxImage, removeDockerImage } from "../../../testing/docker-images.ts";

const name = `bv-cli-test-build-${process.pid}`;
const scratch = "FROM scratch\nCOPY main.rhai /var/lib/babel/plugin/\n";
after(() => removeDockerImage(`${name}:latest`));

async function newImage(directory: string): Promise<void> {
  await runCli("nib", ["image", "create", "acme", "acmed-mainnet-full", "--dir", directory]);
}

test("docker builds the blueprint as it is, and only the uri changes in babel.yaml", async () => {
  using directory = new TemporaryDirectory();
  await newImage(directory.path);
  using base = busyboxImage();
  const metadata = join(directory.path, "babel.yaml");
  const before = readFileSync(metadata, "utf8").replace(
    "docker-daemon://acmed-mainnet-full:latest",
    "docker://registry/acme:1 # mine",
  );
  writeFileSync(metadata, before);
  const args = ["image", "build", "--builder", "docker", "--tag", name, "--build-arg", `BASE_IMAGE=${base.name}`];
  const built = await runCli("nib", [...args, "--format", "json"], { cwd: directory.path });
  assert.deepEqual(
    { ...built, stdout: JSON.parse(built.stdout || "null") },
    {
      status: 0,
      stderr: "",
      stdout: {
        ok: true,
        command: "image.build",
        data: { container_uri: `docker-daemon://${name}:latest`, builder: "docker", changed: true },
        warnings: [],
      },
    },
  );
  assert.equal(
    readFileSync(metadata, "utf8"),
    before.replace("docker://registry/acme:1", `docker-daemon://${name}:latest`),
  );
  const service =
    "/usr/bin/example-node /data 1 on & sleep 1; kill $!; wait $!; cat /data/height; ls /var/lib/babel/plugin";
  const output = execFileSync("docker", ["run", "--rm", "--network=none", name, "sh", "-c", service], {
    encoding: "utf8",
  });
  assert.match(output, /^starting at block 0\nblock 1\n(?:block 2\n)?stopping at block (\d)\n\1\nmain\.rhai\n$/);
});

for (const builder of ["buildah", "podman"]) {
  test(`${builder} builds into containers-storage`, async () => {
    using directory = new TemporaryDirectory();
    await newImage(directory.path);
    writeFileSync(join(directory.path, "Dockerfile"), scratch);
    const tag = `${name}-${builder}:1`;
    try {
      const built = await runCli("nib", ["image", "build", "--builder", builder, "--tag", tag], {
        cwd: directory.path,
      });
      assert.equal(built.status, 0, built.stderr);
      assert.equal(built.stdout, `Built containers-storage:localhost/${tag} with ${builder} and set container_uri\n`);
      assert.match(
        readFileSync(join(directory.path, "babel.yaml"), "utf8"),
        new RegExp(`^container_uri: containers-storage:localhost/${tag}$`, "m"),
      );
    } finally {
      execFileSync("buildah", ["rmi", "--force", `localhost/${tag}`]);
    }
  });
}

test("a build that fails says where, and changes nothing", async () => {
  using directory = new TemporaryDirectory();
  await newImage(directory.path);
  const before = readFileSync(join(directory.path, "babel.yaml"), "utf8");
  writeFileSync(join(directory.path, "Dockerfile"), "FROM scratch\nCOPY missing /\n");
  const args = ["image", "build", "--builder", "docker", "--tag", name, "--format", "json"];
  const { status, stdout, stderr } = await runCli("nib", args, { cwd: directory.path });
  assert.match(stderr, /^Error: docker build failed with exit code 1 \(NIB911\)\n[\s\S]*missing[\s\S]*\n {2}next: /);
  assert.equal(status, 1);
  const { error }: { error: { code: string; message: string } } = JSON.parse(stdout);
  assert.deepEqual([error.code, error.message], ["NIB911", "docker build failed with exit code 1"]);
  assert.equal(readFileSync(join(directory.path, "babel.yaml"), "utf8"), before);
});

test("a builder that does not answer is told with the reason", async () => {
  using directory = new TemporaryDirectory();
  await newImage(directory.path);
  const { status, stderr } = await runCli("nib", ["image", "build", "--builder", "docker"], {
    cwd: directory.path,
    env: { DOCKER_HOST: `unix://${directory.path}/no.sock` },
  });
  assert.equal(status, 1);
  assert.match(
    stderr,
    /^Error: docker cannot be used \(NIB910\)\n {2}cause: docker: .*no\.sock.*\n {2}next: {2}leave out --builder/,
  );
});
