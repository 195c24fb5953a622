import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { TemporaryDirectory } from "../../../testing/cli-process.ts";
import { nibInside } from "../../../testing/run-inside.ts";

const plugin = `
fn plugin_config() {
    #{
        init: #{ commands: [], jobs: [#{ name: "prepare", run_sh: "true", needs: [] }] },
        services: [#{
            name: "web",
            run_sh: node_env().node_variant + " " + node_env().node_ip + " " + node_params()["color"] + " " + get_secret("cert-key").as_string(),
        }],
    }
}
fn protocol_status() { #{ state: "up", health: "healthy" } }
fn greet(name) { "hello " + name }
`;

test("the document is the configuration with all defaults, the plan of jobs, the functions", async () => {
  using directory = new TemporaryDirectory();
  writeFileSync(join(directory.path, "main.rhai"), plugin);
  const args = ["--plugin-dir", directory.path, "--variant", "web-mainnet-full", "--format", "json"];
  const values = ["--props", '{"color":"red"}', "--env", '{"node_ip":"9.9.9.9"}', "--secrets", '{"cert-key":"sesame"}'];
  const { status, stdout, stderr } = await nibInside(["image", "inspect", ...args, ...values], {
    cwd: directory.path,
  });
  assert.equal(status, 0, stderr);
  const document = JSON.parse(stdout);
  assert.deepEqual(Object.keys(document), ["plugin_config", "jobs", "functions", "capabilities"]);
  assert.deepEqual(Object.keys(document.plugin_config), [
    ..."config_files aux_services init download alternative_download post_download cold_init services".split(" "),
    ..."pre_upload upload post_upload scheduled".split(" "),
  ]);
  const run_sh = "web-mainnet-full 9.9.9.9 red sesame";
  assert.deepEqual(document.plugin_config.services, [
    {
      name: "web",
      run_sh,
      restart_config: null,
      shutdown_timeout_secs: null,
      shutdown_signal: null,
      run_as: null,
      use_protocol_data: true,
      log_buffer_capacity_mb: null,
      log_timestamp: null,
      data_dir: null,
      store_key: null,
      archive: true,
      upload: null,
    },
  ]);
  assert.deepEqual(
    document.jobs.map(({ name, needs }: { name: string; needs: unknown }) => [name, needs]),
    [
      ["prepare", []],
      ["download", ["prepare"]],
      ["web", ["download"]],
    ],
  );
  assert.deepEqual(document.functions, ["plugin_config", "protocol_status", "greet"]);
  assert.deepEqual(document.capabilities, ["greet", "init", "plugin_config", "protocol_status", "upload"]);
});

test("a plugin that throws, and values that cannot be used, are told", async () => {
  using directory = new TemporaryDirectory();
  writeFileSync(join(directory.path, "main.rhai"), 'fn plugin_config() { throw "no way" }\n');
  const inspect = (...more: string[]) =>
    nibInside(["image", "inspect", "--plugin-dir", directory.path, "--variant", "web", ...more], {
      cwd: directory.path,
    });
  const thrown = await inspect();
  assert.equal(thrown.status, 3);
  assert.match(thrown.stderr, /^Error: the plugin cannot be evaluated \(NIB510\)\n\n[\s\S]*no way[\s\S]*\n {2}next: /);
  for (const [option, value, why] of [
    ["--env", '{"node_color":"red"}', /Unrecognized key/],
    ["--env", "[1]", /expected object/],
    ["--secrets", '{"a":1}', /a: .*expected string/],
    ["--props", "{", /JSON/],
    ["--props", "[1]", /must be a map/],
  ] as const) {
    const { status, stderr } = await inspect(option, value);
    assert.equal(status, 2);
    assert.match(stderr, new RegExp(`^Error: ${option}(?: cannot be used)?: .*${why.source}.*\\(NIB233\\)`));
  }
});

test("babel.yaml is that of the folder, that beside the plugin, or none; never one that was named and is not there", async () => {
  using directory = new TemporaryDirectory();
  await nibInside(["image", "create", "acme", "geth-mainnet-full", "--dir", "image"], { cwd: directory.path });
  const inspect = (...args: string[]) => nibInside(["image", "inspect", ...args], { cwd: directory.path });
  const beside = await inspect("--plugin-dir", "image");
  assert.match(beside.stdout, /Functions: .*protocol_status[\s\S]*\nSecrets: {7}-\n/, beside.stderr);
  const missing = await inspect("--plugin-dir", "image", "--path", "other.yaml", "--variant", "geth-mainnet-full");
  assert.deepEqual([missing.status, missing.stderr.split("\n")[0]], [1, "Error: cannot read other.yaml (NIB004)"]);
  rmSync(join(directory.path, "image", "babel.yaml"));
  const unnamed = await inspect("--plugin-dir", "image");
  assert.equal(unnamed.status, 2);
  assert.match(unnamed.stderr, /^Error: say which variant is meant: .*\(NIB001\)\n {2}next: {2}give --variant KEY/);

  writeFileSync(join(directory.path, "image", "main.rhai"), plugin);
  const props = ["--props", "{color: off}", "--env", '{"org_id":"acme"}', "--format", "json"];
  const yaml = await inspect("--plugin-dir", "image", "--variant", "web", ...props);
  assert.match(JSON.parse(yaml.stdout).plugin_config.services[0].run_sh, / off secret value$/);
});
