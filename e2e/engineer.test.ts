import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { provideDebianImage } from "../tooling/debian-image.ts";
import { startPlatform } from "./platform.ts";
import { dockerBuild, Workbench } from "./workbench.ts";

test("a new image of every shape of variant key builds, passes and is pushed as it is", async () => {
  await provideDebianImage(process.env["DOCKER_HOST"]);
  await using bench = new Workbench("blueprint");
  await using platform = await startPlatform();
  const login = ["login", platform.userId, "--api", platform.url, "--email", platform.email, "--password-stdin"];
  bench.must("nib", login, { input: platform.password });
  writeFileSync(join(bench.directory, "protocols.yaml"), "- { key: acme, name: Acme, visibility: public }\n");
  assert.equal(bench.must("nib", ["protocol", "push"]), "Protocol 'acme' added\n");
  for (const variant of [
    "test",
    "mainnet-full",
    "geth-mainnet-full",
    "op-geth-mainnet-full",
    "a-b-geth-mainnet-full",
  ]) {
    bench.must("nib", ["image", "create", "acme", variant]);
    const cwd = join(bench.directory, `acme_${variant}`);
    dockerBuild(cwd, variant);
    try {
      assert.match(
        bench.must("nib", ["image", "check", "--lint-only", "--strict"], { cwd }),
        /\nAll checks passed!\n$/,
      );
      assert.match(
        bench.must("nib", ["image", "push", "--dry-run"], { cwd }),
        new RegExp(`Image 'acme/${variant}/0.0.1/1' would be added\n$`),
      );
      assert.match(
        bench.must("nib", ["image", "push"], { cwd }),
        new RegExp(`Image 'acme/${variant}/0.0.1/1' added\n$`),
      );
      assert.match(bench.must("nib", ["image", "push"], { cwd }), /No image changes to push\n$/);
    } finally {
      execFileSync("docker", ["image", "rm", "--force", variant], { stdio: "ignore" });
    }
  }
  assert.equal(bench.must("nib", ["protocol", "list"]).match(/^ {3}\* \S+\/0\.0\.1$/gm)?.length, 5);
});

describe("an image from anywhere", () => {
  const bench = new Workbench("sources");
  const folder = bench.example("minimal-scratch");
  const name = `bv-e2e-source-${process.pid}`;
  const stored = `localhost/${name}:v1`;
  const at = (path: string): string => join(bench.directory, path);
  let registry: { readonly address: string; stop(): Promise<void> };

  before(async () => {
    copyFileSync("/bin/busybox", join(folder, "busybox"));
    dockerBuild(folder, `${name}:v1`);
    registry = await startRegistry(at("registry"));
    copyTo(`oci:${at("layout")}:v1`);
    copyTo(`oci-archive:${at("oci.tar")}:v1`);
    copyTo(`docker-archive:${at("docker.tar")}:${name}:v1`);
    copyTo(`dir:${at("dir")}`);
    copyTo(`containers-storage:${stored}`);
    copyTo(`docker://${registry.address}/group/${name}:v1`);
    await bench.startDaemon();
  });
  after(async () => {
    await bench[Symbol.asyncDispose]();
    await registry.stop();
    execFileSync("docker", ["image", "rm", "--force", `${name}:v1`], { stdio: "ignore" });
    execFileSync("buildah", ["rmi", "--force", stored], { stdio: "ignore" });
  });

  function copyTo(target: string): void {
    const host = process.env["DOCKER_HOST"];
    const source = [...(host ? ["--src-daemon-host", host] : []), `docker-daemon:${name}:v1`];
    execFileSync("skopeo", ["copy", "--quiet", "--dest-tls-verify=false", ...source, target], { stdio: "pipe" });
  }

  const forms: readonly (readonly [form: string, uri: () => string])[] = [
    ["docker-daemon://", () => `docker-daemon://${name}:v1`],
    ["docker:// of a registry", () => `docker://${registry.address}/group/${name}:v1`],
    ["oci:", () => `oci:${at("layout")}:v1`],
    ["oci-archive:// with a path from babel.yaml on", () => "oci-archive://../oci.tar"],
    ["docker-archive:", () => `docker-archive:${at("docker.tar")}`],
    ["dir:", () => `dir:${at("dir")}`],
    ["containers-storage:", () => `containers-storage:${stored}`],
  ];
  for (const [form, uri] of forms) {
    test(form, () => {
      const path = join(folder, "babel.yaml");
      writeFileSync(path, readFileSync(path, "utf8").replace(/^container_uri: .*/m, `container_uri: ${uri()}`));
      assert.equal(bench.must("nib", ["image", "container-uri"], { cwd: folder }), `${uri()}\n`);
      const checked = bench.must("nib", ["image", "check", "--lint-only"], { cwd: folder });
      assert.match(checked, /\nAll checks passed!\n$/);
      const played = bench.must("nib", ["image", "play", "--start"], { cwd: folder });
      const [id = ""] = /(?<=`)[^`]+/.exec(played) ?? [];
      assert.equal(bench.must("bv", ["node", "run", "greet", id, "--param", form]), `hello ${form}\n`);
      bench.must("bv", ["node", "delete", "--yes", id]);
    });
  }
});

/** A registry on a free port of this machine. */
async function startRegistry(directory: string): Promise<{ readonly address: string; stop(): Promise<void> }> {
  const address = `127.0.0.1:${await freePort()}`;
  const settings = `version: 0.1\nstorage: {filesystem: {rootdirectory: ${directory}}}\nhttp: {addr: "${address}"}\n`;
  writeFileSync(`${directory}.yml`, settings);
  const registry = spawn("docker-registry", ["serve", `${directory}.yml`], { stdio: "ignore" });
  while (!(await fetch(`http://${address}/v2/`).catch(() => undefined))?.ok) {
    if (registry.exitCode !== null) throw new Error("docker-registry ended");
    await delay(50);
  }
  return {
    address,
    stop: async () => {
      registry.kill();
      await once(registry, "exit");
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  server.close();
  await once(server, "close");
  return address.port;
}
