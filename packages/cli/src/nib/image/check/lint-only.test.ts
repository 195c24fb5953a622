import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { TemporaryDirectory } from "../../../testing/cli-process.ts";
import { nibInside } from "../../../testing/run-inside.ts";

/** Neither a daemon, nor Docker, nor a login can be reached from here. */
const nowhere = { BV_ROOT: "/nonexistent", DOCKER_HOST: "unix:///nonexistent/docker.sock", HOME: "/nonexistent" };

async function newImage(variant = "acmed-mainnet-full"): Promise<TemporaryDirectory> {
  const directory = new TemporaryDirectory();
  await nibInside(["image", "create", "acme", variant, "--dir", "."], { cwd: directory.path });
  return directory;
}

const check = (directory: TemporaryDirectory, ...args: string[]) =>
  nibInside(["image", "check", ...args], { cwd: directory.path, env: nowhere });

for (const variant of [
  "test",
  "mainnet-full",
  "geth-mainnet-full",
  "op-geth-mainnet-full",
  "a-very-long-client-testnet-archive",
]) {
  test(`a new image of variant ${variant} has no findings, not even warnings`, async () => {
    using image = await newImage(variant);
    const { status, stdout, stderr } = await check(image, "--lint-only", "--plugin-dir", ".", "--format", "json");
    const document = JSON.parse(stdout);
    for (const one of document.data.variants[0].checks) one.ms = 0;
    assert.deepEqual(
      { status, stderr, document },
      {
        status: 0,
        stderr: "",
        document: {
          ok: true,
          command: "image.check",
          data: {
            variants: [
              {
                key: variant,
                checks: [
                  { name: "metadata", status: "passed", ms: 0, diagnostics: [] },
                  { name: "plugin", status: "passed", ms: 0, diagnostics: [] },
                ],
              },
            ],
          },
          warnings: [],
        },
      },
    );
  });
}

test("a property that the plugin never reads is shown where it is defined", async () => {
  using image = await newImage();
  writeFileSync(
    join(image.path, "main.rhai"),
    'fn protocol_status() { #{ state: "up", health: "healthy" } }\nfn init() {}\n',
  );
  const { status, stdout } = await check(image, "--lint-only", "--plugin-dir", ".");
  assert.equal(status, 0);
  assert.match(
    stdout,
    /^babel\.yaml:\d+:\d+ warning NIB503 property 'history' of babel\.yaml is never read by the plugin\n.*\n.*key: history\n +\| +\^{7}$/m,
  );
});

test("findings come with place, code frame and exit code 3", async () => {
  using image = await newImage();
  const plugin = join(image.path, "main.rhai");
  writeFileSync(plugin, readFileSync(plugin, "utf8").replace('node_params()["history"]', 'node_params()["histroy"]'));
  const metadata = join(image.path, "babel.yaml");
  writeFileSync(metadata, readFileSync(metadata, "utf8").replace("default_value: off", "default_value: of"));
  const { status, stdout, stderr } = await check(image, "plugin", "--plugin-dir", image.path);
  assert.equal(status, 3);
  assert.match(stdout, /^babel\.yaml:\d+:20 error NIB214 .*\n +\d+ \|.*\n +\d+ \| {5}default_value: of\n +\| +\^\^\n/m);
  assert.match(stdout, new RegExp(`^${plugin}:\\d+:\\d+ (error|warning) NIB502 .*histroy`, "m"));
  assert.doesNotMatch(stdout, /All checks passed/);
  assert.match(stderr, /^Error: check failed: \d errors? \(NIB300\)\n {2}next: /);
  const json = await check(image, "plugin", "--plugin-dir", image.path, "--format", "json");
  assert.match(json.stderr, /^Error: check failed: \d errors? \(NIB300\)\n$/);
  const { ok, error } = JSON.parse(json.stdout);
  assert.deepEqual([json.status, ok, error.code], [3, false, "NIB300"]);
});

test("templates of the working tree are rendered, with the secrets that are given; no secret is shown", async () => {
  using image = await newImage();
  const put = (name: string, text: string) => writeFileSync(join(image.path, name), text);
  put(
    "main.rhai",
    `fn plugin_config() { #{
  config_files: [#{ template: "/opt/conf/x", destination: "/etc/x", params: #{ key: get_secret("some-key").as_string() } }],
  services: [#{ name: "s", run_sh: if get_secret("some-key").as_string() == "of a \\nfile" { "a" } else { "bad (" } }] } }
fn protocol_status() { #{ state: "up", health: "healthy" } }
fn all() { node_params().keys() }
`,
  );
  put("x.tera", "{{ key }}\n{{ kye }}");
  put("secret", "of a \nfile");
  put("Dockerfile", "COPY x.tera /opt/conf/x\n");
  const { status, stdout, stderr } = await check(
    image,
    ...["--lint-only", "--plugin-dir", ".", "--secret", "some-key=@secret"],
  );
  assert.equal(status, 3, stderr);
  assert.match(
    stdout,
    /^x\.tera:2:4 error NIB522 variable 'kye' is not defined\n +1 \| \{\{ key \}\}\n +2 \| \{\{ kye \}\}\n +\| {4}\^\^\^\n +help: it is rendered by main\.rhai:2$/m,
  );
  assert.doesNotMatch(stdout + stderr, /NIB523|of a/);
  put("x.tera", "{{ key }}");
  put("tests.rhai", "");
  const other = await check(image, "--lint-only", "--plugin-dir", ".", "--secret", "some-key=other");
  assert.equal(other.status, 0);
  assert.match(other.stdout, /warning NIB523 a shell cannot read this/);
  const wrong = await check(image, "--lint-only", "--plugin-dir", ".", "--secret", "sesame");
  assert.deepEqual(
    [wrong.status, wrong.stderr.split("\n")[0]],
    [2, "Error: --secret is not of the form KEY=VALUE (NIB001)"],
  );
});

test("a report for code hosts: stdout is SARIF or commands alone, with all findings at their places; the exit code stays", async () => {
  using image = await newImage();
  const plugin = join(image.path, "main.rhai");
  const text = readFileSync(plugin, "utf8").replace('node_params()["history"]', 'node_params()["histroy"]');
  writeFileSync(plugin, text);
  const line = text.split("\n").findIndex((each) => each.includes("histroy")) + 1;
  const sarif = await check(image, "--lint-only", "--plugin-dir", ".", "--report", "sarif");
  assert.equal(sarif.status, 3);
  assert.match(sarif.stderr, /^Error: check failed: 1 error \(NIB300\)$/m);
  const { version, runs } = JSON.parse(sarif.stdout);
  const [{ tool, results }] = runs;
  assert.deepEqual([version, runs.length, tool.driver.name], ["2.1.0", 1, "nib"]);
  const found = results.map((result: { ruleId: string; level: string; locations: { physicalLocation: object }[] }) => [
    result.ruleId,
    result.level,
    result.locations.length,
  ]);
  assert.deepEqual(found, [
    ["NIB503", "warning", 1],
    ["NIB502", "error", 1],
  ]);
  assert.deepEqual(
    tool.driver.rules.map(({ id }: { id: string }) => id),
    ["NIB502", "NIB503"],
  );
  const [{ physicalLocation }] = results[1].locations;
  assert.deepEqual([physicalLocation.artifactLocation.uri, physicalLocation.region.startLine], ["main.rhai", line]);
  const github = await check(image, "--lint-only", "--plugin-dir", ".", "--report", "github");
  assert.equal(github.status, 3);
  assert.match(
    github.stdout,
    new RegExp(`^::warning file=babel\\.yaml,.*\n::error file=main\\.rhai,line=${line},col=.*,title=NIB502::.*\n$`),
  );
});

test("a syntax error and an endless loop are findings, not accidents", async () => {
  using image = await newImage();
  const plugin = join(image.path, "main.rhai");
  writeFileSync(plugin, "fn plugin_config( {\n");
  const syntax = await check(image, "--lint-only", "--plugin-dir", ".");
  assert.equal(syntax.status, 3);
  assert.match(syntax.stdout, /^main\.rhai:1:\d+ error NIB501 /m);
  writeFileSync(
    plugin,
    'fn plugin_config() { loop {} }\nfn protocol_status() { #{ state: "x", health: "healthy" } }\n',
  );
  const endless = await check(image, "--lint-only", "--plugin-dir", ".");
  assert.equal(endless.status, 3);
  assert.match(endless.stdout, / error NIB5\d\d /);
});

test("a container that cannot be read is told with what to do", async () => {
  using image = await newImage();
  const { status, stderr } = await check(image, "--lint-only");
  assert.equal(status, 1);
  assert.match(
    stderr,
    /^Error: the Docker engine at unix:\/\/\/nonexistent\/docker\.sock cannot be used: .*\(NIB912\)\n {2}next: /m,
  );
});

test("checks that contradict each other, and variants that are not there, are usage errors", async () => {
  using image = await newImage();
  const contradiction = await check(image, "--lint-only", "jobs-status");
  assert.deepEqual(
    [contradiction.status, contradiction.stderr.split("\n")[0]],
    [2, "Error: --lint-only is the check 'plugin' alone (NIB001)"],
  );
  const unknown = await check(image, "--lint-only", "--plugin-dir", ".", "--variant", "other");
  assert.equal(unknown.status, 1);
  assert.match(unknown.stderr, /^Error: variant 'other' is not defined \(NIB230\)\n {2}next: .*acmed-mainnet-full/);
  const choice = await check(image, "frob");
  assert.equal(choice.status, 2);
});
