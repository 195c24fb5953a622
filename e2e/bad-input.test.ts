import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { startPlatform } from "./platform.ts";
import { dockerBuild, type Outcome, Workbench } from "./workbench.ts";

interface Clear {
  readonly exit: number;
  readonly code: string;
  readonly says: RegExp;
}

/** One message with a code, what happened and what to do next; nothing of our insides. */
function assertClear({ status, stderr }: Outcome, { exit, code, says }: Clear): void {
  assert.equal(status, exit, stderr);
  assert.equal(stderr.match(/^Error:/gm)?.length, 1, stderr);
  assert.ok(stderr.includes(`(${code})`), stderr);
  assert.match(stderr, says);
  assert.match(stderr, /^ +next: +\S/m, stderr);
  assert.doesNotMatch(stderr, /^ +at .*:\d+:\d+\)?$/m, "a stack trace");
}

/** A finding of the check: its place in a file and its code. */
function assertFinding({ status, stdout, stderr }: Outcome, place: RegExp, code: string): void {
  const said = stdout + stderr;
  assert.equal(status, 3, said);
  const line = said.split("\n").find((candidate) => place.test(candidate) && candidate.includes(code));
  assert.ok(line, `no ${code} at ${place} in:\n${said}`);
}

describe("an image that is wrong", () => {
  const bench = new Workbench("wrong-image");
  after(() => bench[Symbol.asyncDispose]());

  /** The scratch example with one thing changed. */
  function image(name: string, file: string, from: string, to: string): string {
    const folder = join(bench.directory, name);
    execFileSync("cp", ["-r", bench.example("minimal-scratch"), folder]);
    const text = readFileSync(join(folder, file), "utf8");
    assert.ok(text.includes(from), `${file} has no '${from}'`);
    writeFileSync(join(folder, file), text.replace(from, to));
    return folder;
  }
  const check = (cwd: string, ...options: string[]) =>
    bench.run("nib", ["image", "check", "--lint-only", "--plugin-dir", ".", ...options], { cwd });

  test("broken YAML", () => {
    assertFinding(
      check(image("yaml", "babel.yaml", "visibility: public", "visibility: [public")),
      /^ *babel\.yaml:\d+:\d+ error/,
      "NIB101",
    );
  });
  test("a wrong tag", () => {
    const property =
      "properties:\n  - key: some-text\n    name: Text\n    dynamic_value: false\n    default_value: x\n    ui_type: !number";
    assertFinding(
      check(image("tag", "babel.yaml", "properties: []", property)),
      /^ *babel\.yaml:14:\d+ error/,
      "NIB106",
    );
  });
  test("an unknown variant", () => {
    const folder = image("variant", "babel.yaml", "min_cpu: 1", "min_cpu: 1");
    assertClear(check(folder, "--variant", "server-none-max"), { exit: 1, code: "NIB230", says: /server-none-max/ });
  });
  test("a syntax error in the script", () => {
    assertFinding(
      check(image("syntax", "main.rhai", "services: [", "services: (")),
      /^ *main\.rhai:\d+:\d+ error/,
      "NIB501",
    );
  });
  test("an endless loop in the script", () => {
    const outcome = check(image("loop", "main.rhai", "fn plugin_config() {", "fn plugin_config() {\n    loop {}"));
    assert.equal(outcome.status, 3, outcome.stderr);
    assert.match(outcome.stdout + outcome.stderr, /main\.rhai:\d+:\d+ error NIB5\d\d .*(operations|time)/);
  });
  test("an image that does not exist", () => {
    const folder = image("missing", "babel.yaml", "minimal-scratch:latest", "never-built:latest");
    const outcome = bench.run("nib", ["image", "check", "--lint-only"], { cwd: folder });
    assertClear(outcome, { exit: 1, code: "NIB912", says: /never-built/ });
  });
});

describe("a machine that is not ready", () => {
  const bench = new Workbench("not-ready");
  after(() => bench[Symbol.asyncDispose]());

  test("the machine is not registered", () => {
    assertClear(bench.run("bv", ["node", "list"]), { exit: 1, code: "BV906", says: /bvup/ });
  });
  test("the daemon does not run", () => {
    const folder = bench.example("minimal-scratch");
    assertClear(bench.run("nib", ["image", "play"], { cwd: folder }), { exit: 5, code: "NIB901", says: /blockvisord/ });
  });
  test("the API cannot be reached", () => {
    const login = [
      "login",
      "51dafeb2-ba32-4597-b4e3-56dcd0cfa022",
      "--api",
      "http://127.0.0.1:9",
      "--email",
      "a@b.example",
      "--password-stdin",
    ];
    assertClear(bench.run("nib", login, { input: "secret\n" }), { exit: 1, code: "NIB420", says: /127\.0\.0\.1:9/ });
    assert.equal(existsSync(join(bench.directory, "home/.nib.json")), false);
  });
  test("nobody is logged in", () => {
    assertClear(bench.run("nib", ["protocol", "list"]), { exit: 4, code: "NIB401", says: /nib login/ });
  });
  test("the password is wrong", async () => {
    await using platform = await startPlatform();
    const login = ["login", platform.userId, "--api", platform.url, "--email", platform.email, "--password-stdin"];
    assertClear(bench.run("nib", login, { input: "wrong password\n" }), { exit: 4, code: "NIB401", says: /./ });
    assert.equal(existsSync(join(bench.directory, "home/.nib.json")), false);
    assertClear(
      bench.run("bvup", [
        "not-a-token",
        "--api",
        platform.url,
        "--region",
        "local",
        "--private-network",
        "--skip-download",
        "--yes",
      ]),
      { exit: 1, code: "BVUP401", says: /Invalid token/ },
    );
    assert.equal(existsSync(join(bench.root, "etc/blockvisor.json")), false);
  });
});

describe("a node that cannot be made", () => {
  const bench = new Workbench("no-node");
  let folder: string;
  const play = (...options: string[]) => bench.run("nib", ["image", "play", ...options], { cwd: folder });
  const nodes = () => readdirSync(join(bench.root, "var/lib/blockvisor/nodes")).filter((name) => !name.startsWith("."));

  before(async () => {
    folder = bench.example("minimal-scratch");
    copyFileSync("/bin/busybox", join(folder, "busybox"));
    dockerBuild(folder, "minimal-scratch:latest");
    await bench.startDaemon();
  });
  after(() => bench[Symbol.asyncDispose]());

  test("its address is taken", () => {
    const ip = JSON.parse(bench.must("nib", ["image", "play", "--format", "json"], { cwd: folder })).data.node
      .ip as string;
    const before = nodes();
    assertClear(play("--ip", ip), { exit: 1, code: "NIB902", says: new RegExp(ip.replaceAll(".", "\\.")) });
    assert.deepEqual(nodes(), before);
    bench.must("bv", ["node", "delete", "--all", "--yes"]);
    assert.deepEqual(nodes(), []);
  });

  test("its plugin has a syntax error", () => {
    writeFileSync(join(folder, "main.rhai"), "fn plugin_config( {\n");
    dockerBuild(folder, "minimal-scratch:latest");
    assertClear(play(), { exit: 1, code: "NIB902", says: /main\.rhai:1:19 error .*\n +1 \| fn plugin_config\( \{/ });
    assert.deepEqual(nodes(), []);
    copyFileSync(join(bench.example("minimal-scratch"), "main.rhai"), join(folder, "main.rhai"));
    dockerBuild(folder, "minimal-scratch:latest");
  });

  test("its script never ends", () => {
    bench.must("nib", ["image", "play", "--start"], { cwd: folder });
    const [id] = nodes();
    const plugin = join(bench.root, "var/lib/blockvisor", id ?? "", "rootfs/var/lib/babel/plugin/main.rhai");
    writeFileSync(plugin, `${readFileSync(plugin, "utf8")}\nfn forever() { loop {} }\n`);
    assertClear(bench.run("bv", ["node", "run", "forever"]), { exit: 1, code: "BV902", says: /operations|time/ });
    assert.equal(bench.must("bv", ["node", "run", "greet", "--param", "still here"]).trim(), "hello still here");
    bench.must("bv", ["node", "delete", "--all", "--yes"]);
  });
});

test("a full disk is said, and the node that did not fit leaves nothing", async () => {
  const place = new Workbench("full-disk");
  const small = join(place.directory, "small");
  mkdirSync(small);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=3m", "tmpfs", small]);
  try {
    await using bench = new Workbench("full-disk", { root: small });
    const folder = bench.example("minimal-scratch");
    writeFileSync(
      join(folder, "Dockerfile"),
      "FROM scratch\nCOPY busybox /busybox\nCOPY busybox /ballast\nCOPY main.rhai /var/lib/babel/plugin/\n",
    );
    copyFileSync("/bin/busybox", join(folder, "busybox"));
    dockerBuild(folder, "full-disk:latest");
    const yaml = readFileSync(join(folder, "babel.yaml"), "utf8").replace("minimal-scratch:latest", "full-disk:latest");
    writeFileSync(join(folder, "babel.yaml"), yaml);
    await bench.startDaemon();
    assertClear(bench.run("nib", ["image", "play"], { cwd: folder }), { exit: 1, code: "NIB902", says: /space|disk/ });
    assert.deepEqual(JSON.parse(bench.must("bv", ["node", "list", "--format", "json"])).nodes, []);
  } finally {
    execFileSync("umount", ["-l", small]);
    await place[Symbol.asyncDispose]();
  }
});

test("a daemon whose platform is gone still ends when it is told to", async () => {
  await using bench = new Workbench("gone");
  const platform = await startPlatform();
  try {
    const where = [
      "--api",
      platform.url,
      "--region",
      "local",
      "--private",
      "--private-network",
      "--ifa",
      `bvg${process.pid}`.slice(0, 15),
    ];
    bench.must("bvup", [platform.provisionToken, ...where, "--skip-download", "--yes"]);
    const daemon = await bench.startDaemon([]);
    platform.kill();
    daemon.kill("SIGTERM");
    const [code] = await new Promise<[number | null]>((resolve) => daemon.once("exit", (status) => resolve([status])));
    assert.equal(code, 0);
  } finally {
    await platform[Symbol.asyncDispose]();
    execFileSync("sh", ["-c", 'ip link delete "$1" 2>/dev/null || true', "sh", `bvg${process.pid}`.slice(0, 15)]);
  }
});
