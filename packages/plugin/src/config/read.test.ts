import assert from "node:assert/strict";
import { test } from "node:test";
import { Float, RhaiMap } from "@blockvisor/rhai";
import { valueFromJson } from "../values/from-json.ts";
import { readPluginConfig } from "./read.ts";
import { parseSavedConfig, savedConfigText } from "./saved.ts";

test("every field is there, defaults filled, in the persisted order (§3.6)", () => {
  const { config, errors, unknownKeys } = readPluginConfig(
    valueFromJson({
      config_files: [
        { template: "/t", destination: "/d", params: { b: 9_007_199_254_740_993n, a: [1.5, true, null] } },
      ],
      init: { commands: ["mkdir -p /x"], jobs: [{ name: "j", run_sh: "z", needs: ["q"] }] },
      download: { max_connections: 5, verify_on_resume: "sample" },
      services: [{ name: "a", run_sh: "x", shutdown_timeout_secs: 120 }],
      upload: { exclude: ["caddy/**"], compression: { ZSTD: 5 }, append_only: ["*.log"] },
      scheduled: [],
    }),
  );
  assert.deepEqual({ errors, unknownKeys }, { errors: [], unknownKeys: [] });
  assert.equal(
    savedConfigText(config, "d1"),
    '{"v":1,"digest":"d1",' +
      '"config_files":[{"template":"/t","destination":"/d","params":{"a":[1.5,true,null],"b":9007199254740993}}],"aux_services":null,' +
      '"init":{"commands":["mkdir -p /x"],"jobs":[{"name":"j","run_sh":"z","restart":null,"shutdown_timeout_secs":null,' +
      '"shutdown_signal":null,"needs":["q"],"run_as":null,"log_buffer_capacity_mb":null,"log_timestamp":null,' +
      '"use_protocol_data":null,"one_time":null}]},' +
      '"download":{"restart_config":null,"max_connections":5,"max_runners":null,"verify":null,"verify_on_resume":"sample"},"alternative_download":null,' +
      '"post_download":null,"cold_init":null,' +
      '"services":[{"name":"a","run_sh":"x","restart_config":null,"shutdown_timeout_secs":120,"shutdown_signal":null,' +
      '"run_as":null,"use_protocol_data":true,"log_buffer_capacity_mb":null,"log_timestamp":null,' +
      '"data_dir":null,"store_key":null,"archive":true,"upload":null}],' +
      '"pre_upload":null,"upload":{"restart_config":null,"exclude":["caddy/**"],"compression":{"ZSTD":5},"max_connections":null,' +
      '"max_runners":null,"number_of_chunks":null,"url_expires_secs":null,"data_version":null,"layout":null,"allow_empty":null,"append_only":["*.log"]},"post_upload":null,"scheduled":[]}',
  );
  assert.deepEqual(parseSavedConfig(savedConfigText(config, "d1")), { config, digest: "d1" });
});

test("what is not a config of ours counts as none; one without version and digest is from before these", () => {
  const services = '"services":[{"name":"a","run_sh":"x"}]';
  const files = '"config_files":[{"template":"/t","destination":"/d","params":{"a":1.0}}]';
  const none = ["", "{", "null", "[]", "{}", '{"services":1}', `{"v":2,${services}}`, `{"config_files":1,${services}}`];
  assert.deepEqual(
    none.map(parseSavedConfig),
    none.map(() => undefined),
  );
  const saved = parseSavedConfig(`{${files},${services}}`);
  assert.deepEqual([saved?.digest, saved?.config.config_files?.[0]?.params], ["", '{"a":1.0}']);
});

const minimal = { name: "a", run_sh: "x" };

test("errors in the reference's words, all of them, with their place", () => {
  const table: [config: unknown, ...errors: [path: string, message: string][]][] = [
    [{}, ["services", "Syntax error: missing field `services`"]],
    [[], ["", "Output type incorrect: array (expecting map)"]],
    [{ services: {} }, ["services", "Output type incorrect: map (expecting array)"]],
    [
      { services: [{ ...minimal, run_sh: 5 }] },
      ["services[0].run_sh", "Output type incorrect: i64 (expecting String)"],
    ],
    [
      { services: [{ ...minimal, archive: null }] },
      ["services[0].archive", "Output type incorrect: () (expecting bool)"],
    ],
    [
      { services: [{ ...minimal, use_protocol_data: 1 }] },
      ["services[0].use_protocol_data", "Output type incorrect: i64 (expecting bool)"],
    ],
    [
      { services: [{ name: "a" }], init: { commands: ["x"] } },
      ["init.jobs", "Syntax error: missing field `jobs`"],
      ["services[0].run_sh", "Syntax error: missing field `run_sh`"],
    ],
    [
      { services: [{ ...minimal, shutdown_timeout_secs: -1 }] },
      ["services[0].shutdown_timeout_secs", "Syntax error: invalid value: integer `-1`, expected u64"],
    ],
    [
      { services: [], post_download: [{ ...minimal, restart: "always" }] },
      ["post_download[0].restart", "Syntax error: unknown variant `always`, expected `never` or `on_failure`"],
    ],
    [
      { services: [], post_download: [{ ...minimal, restart: "on_failure" }] },
      ["post_download[0].restart", "Syntax error: invalid type: unit variant, expected newtype variant"],
    ],
    [
      { services: [], post_download: [{ ...minimal, restart: { on_failure: { backoff_base_ms: 1 } } }] },
      ["post_download[0].restart.on_failure.backoff_timeout_ms", "Syntax error: missing field `backoff_timeout_ms`"],
    ],
    [
      { services: [], config_files: [{ template: "a", destination: "b" }] },
      ["config_files[0].params", "Syntax error: missing field `params`"],
    ],
  ];
  for (const [config, ...errors] of table) {
    assert.deepEqual(
      readPluginConfig(valueFromJson(config)).errors.map(({ path, message }) => [path, message]),
      errors,
    );
  }
  const float = readPluginConfig(RhaiMap.fromEntries([["services", new Float(1)]]));
  assert.equal(float.errors[0]?.message, "Output type incorrect: f64 (expecting array)");
});

test("times beyond 2^53 have no end, versions of data beyond it are refused", () => {
  const forever = 2n ** 63n - 1n;
  const upload = (dataVersion: number | bigint) =>
    readPluginConfig(
      valueFromJson({
        services: [{ ...minimal, shutdown_timeout_secs: forever }],
        upload: { data_version: dataVersion },
      }),
    );
  const { config, errors } = upload(2 ** 53 - 1);
  assert.deepEqual(
    [config.services[0]?.shutdown_timeout_secs, config.upload?.data_version, errors],
    [2 ** 53 - 1, 2 ** 53 - 1, []],
  );
  assert.deepEqual(
    upload(forever).errors.map(({ path, message }) => [path, message]),
    [["upload.data_version", `Syntax error: invalid value: integer \`${forever}\`, expected u64 below 2^53`]],
  );
});

test("how a task is run is kept as far as it is said", () => {
  const plain = { name: "a", schedule: "@daily", function: "f", param: null };
  const own = { timezone: "UTC", jitter_secs: 60, timeout_secs: 5, catch_up: false };
  const { config, errors } = readPluginConfig(
    valueFromJson({
      services: [],
      scheduled: [
        { ...plain, timezone: null },
        { ...plain, ...own },
      ],
    }),
  );
  assert.deepEqual([config.scheduled, errors], [[plain, { ...plain, ...own }], []]);
});

test("an unknown signal names the known ones", () => {
  const [error] = readPluginConfig(valueFromJson({ services: [{ ...minimal, shutdown_signal: "TERM" }] })).errors;
  assert.match(
    error!.message,
    /^Syntax error: unknown variant `TERM`, expected one of `SIGABRT`, `SIGALRM`, .*`SIGWINCH`$/,
  );
});

test("unknown keys are ignored at every level, and told", () => {
  const { config, errors, unknownKeys } = readPluginConfig(
    valueFromJson({ services: [{ ...minimal, needs: [] }], servces: [] }),
  );
  assert.deepEqual(errors, []);
  assert.equal(config.services[0]?.name, "a");
  assert.deepEqual(
    unknownKeys.map((problem) => problem.path),
    ["servces", "services[0].needs"],
  );
});
