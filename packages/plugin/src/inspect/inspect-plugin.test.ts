import assert from "node:assert/strict";
import { after, test } from "node:test";
import { readFixture } from "../fixtures/read-fixture.ts";
import { inspectPlugin, PluginWorkers } from "../index.ts";

const workers = new PluginWorkers({ size: 1 });
after(() => workers.close());

const noProcess = {
  shutdown_timeout_secs: null,
  shutdown_signal: null,
  run_as: null,
  log_buffer_capacity_mb: null,
  log_timestamp: null,
};
const service = { restart_config: null, ...noProcess };
const stored = { use_protocol_data: true, data_dir: null, store_key: null, archive: true, upload: null };
const job = { restart: null, ...noProcess, needs: null, use_protocol_data: null, one_time: null };
const running = { ...noProcess, needs: null, wait_for: null, use_protocol_data: null, one_time: null };
const always = {
  always: { backoff_timeout_ms: 60000, backoff_base_ms: 1000, max_retries: null, backoff_max_ms: null },
};
const archiveRestart = {
  on_failure: { backoff_timeout_ms: 600000, backoff_base_ms: 500, max_retries: 10, backoff_max_ms: null },
};

const DATA = "/blockjoy/protocol_data";
const LAGOON =
  `/root/bin/lagoon node --chain mainnet --full --datadir ${DATA}/lagoon --authrpc.jwtsecret ${DATA}/jwt.txt --authrpc.port 8551 ` +
  "--http --http.port 8545 --metrics 127.0.0.1:9001 --max-peers 100";
const REEF =
  `/root/bin/reef bn --network mainnet --datadir ${DATA}/reef --checkpoint-sync-url https://checkpoint.example/mainnet ` +
  "--execution-endpoint http://127.0.0.1:8551";

const oneLine = (text: string): string => text.replace(/\s*\\\n\s*/g, " ");

test("a plugin with VARIANTS, global constants and two levels of imports", async () => {
  const inspection = await inspectPlugin({
    files: readFixture("lagoon"),
    image: { version: "1.0.0", protocol: "lagoon", variant: "lagoon-mainnet-full" },
    params: {},
    env: { node_name: "quiet-otter" },
    secrets: { "grafana-loki-key": "loki" },
    workers,
  });
  const { plugin_config: config, jobs } = inspection;
  assert.deepEqual(
    { ...config, services: config?.services.map((one) => ({ ...one, run_sh: oneLine(one.run_sh) })) },
    {
      config_files: [
        {
          template: "/var/lib/babel/templates/vector.toml.template",
          destination: "/etc/vector/vector.toml",
          params: { host: "quiet-otter", port: 9700, targets: ["127.0.0.1:8545"], token: "loki" },
        },
        {
          template: "/var/lib/babel/templates/Caddyfile.template",
          destination: "/etc/caddy/Caddyfile",
          params: {
            rpc_port: "8545",
            ws_port: "8546",
            hostname: "quiet-otter",
            data_dir: `${DATA}/caddy`,
            tld: ".n0des.xyz",
            cert: "secret value",
          },
        },
      ],
      aux_services: [
        { name: "vector", run_sh: "/usr/bin/vector --config /etc/vector/vector.toml", ...service },
        { name: "caddy", run_sh: "/usr/bin/caddy run --config /etc/caddy/Caddyfile", ...service },
      ],
      init: {
        commands: [`mkdir -p ${DATA}/lagoon`, `mkdir -p ${DATA}/reef ${DATA}/caddy`],
        jobs: [
          { ...job, name: "jwt", run_sh: `openssl rand -hex 32 | tr -d "\\n" > ${DATA}/jwt.txt` },
          {
            ...job,
            name: "chain-init",
            run_sh: `/root/bin/lagoon init --datadir ${DATA}/lagoon --chain mainnet`,
            needs: ["jwt"],
          },
        ],
      },
      download: { restart_config: null, max_connections: 5, max_runners: null, verify: null, verify_on_resume: null },
      alternative_download: {
        run_sh: "echo dummy",
        restart_config: null,
        run_as: null,
        log_buffer_capacity_mb: null,
        log_timestamp: null,
      },
      post_download: null,
      cold_init: null,
      services: [
        { ...service, ...stored, name: "lagoon", run_sh: LAGOON, shutdown_timeout_secs: 120 },
        { ...service, ...stored, name: "reef", run_sh: REEF, shutdown_timeout_secs: 300, log_buffer_capacity_mb: 256 },
      ],
      pre_upload: null,
      upload: {
        restart_config: null,
        exclude: ["jwt.txt", "caddy/**"],
        compression: null,
        max_connections: null,
        max_runners: null,
        number_of_chunks: null,
        url_expires_secs: 864000,
        data_version: null,
        layout: null,
        allow_empty: null,
        append_only: null,
      },
      post_upload: null,
      scheduled: [{ name: "clear logs", schedule: "0 0 0 */4 * * *", function: "clear_log", param: "param" }],
    },
  );
  assert.deepEqual(
    jobs.map(({ job_type, ...rest }) => ("run_sh" in job_type ? rest : { job_type, ...rest })),
    [
      { ...running, name: "vector", restart: always, use_protocol_data: false },
      { ...running, name: "caddy", restart: always, use_protocol_data: false },
      { ...running, name: "jwt", restart: "never", needs: [] },
      { ...running, name: "chain-init", restart: "never", needs: ["jwt"] },
      {
        ...running,
        name: "download",
        job_type: { download: { max_connections: 5, max_runners: null, verify: null, verify_on_resume: null } },
        restart: archiveRestart,
        needs: ["jwt", "chain-init"],
      },
      {
        ...running,
        name: "lagoon",
        restart: always,
        needs: ["download"],
        wait_for: [],
        shutdown_timeout_secs: 120,
        use_protocol_data: true,
      },
      {
        ...running,
        name: "reef",
        restart: always,
        needs: ["download"],
        wait_for: [],
        shutdown_timeout_secs: 300,
        log_buffer_capacity_mb: 256,
        use_protocol_data: true,
      },
    ],
  );
  assert.deepEqual(inspection.functions, [
    "plugin_config",
    "height",
    "block_age",
    "protocol_status",
    "sync_status",
    "clear_log",
    "test_height_value",
  ]);
  assert.deepEqual(inspection.capabilities, [
    "block_age",
    "clear_log",
    "height",
    "init",
    "plugin_config",
    "protocol_status",
    "sync_status",
    "test_height_value",
    "upload",
  ]);
  assert.deepEqual(inspection.secrets, ["cloudflare-cert-key", "grafana-loki-key"]);
});

test("another variant, and everything that can be given", async () => {
  const lagoon = await inspectPlugin({
    files: readFixture("lagoon"),
    image: { version: "1.0.0", protocol: "lagoon", variant: "lagoon-sepolia-full" },
    params: {},
    workers,
  });
  assert.match(lagoon.plugin_config?.services[0]?.run_sh ?? "", /--chain sepolia .*--max-peers 30$/s);

  const { plugin_config: config, jobs } = await inspectPlugin({
    files: readFixture("harbor"),
    image: { version: "1.0.0", protocol: "harbor", variant: "harbor-mainnet-archive" },
    params: { moniker: "my node" },
    workers,
  });
  assert.deepEqual(config?.services, [
    {
      name: "harbord",
      run_sh:
        `harbord start --home ${DATA}/harbor --p2p.laddr tcp://0.0.0.0:26656 ` +
        '--p2p.seeds "a@seed1.example:26656,b@seed2.example:26656" --moniker "my node"',
      ...noProcess,
      restart_config: { backoff_timeout_ms: 30000, backoff_base_ms: 500, max_retries: null, backoff_max_ms: 60000 },
      shutdown_signal: "SIGINT",
      run_as: "harbor",
      log_timestamp: true,
      ...stored,
    },
  ]);
  assert.deepEqual(config?.upload?.compression, { ZSTD: 9 });
  assert.deepEqual(
    jobs.map(({ name, restart, needs, wait_for }) => ({ name, restart, needs, wait_for })),
    [
      { name: "download", restart: archiveRestart, needs: [], wait_for: null },
      {
        name: "fix-permissions",
        restart: {
          on_failure: { backoff_timeout_ms: 1000, backoff_base_ms: 100, max_retries: 3, backoff_max_ms: null },
        },
        needs: ["download"],
        wait_for: null,
      },
      {
        name: "harbord",
        restart: {
          always: { backoff_timeout_ms: 30000, backoff_base_ms: 500, max_retries: null, backoff_max_ms: 60000 },
        },
        needs: ["fix-permissions"],
        wait_for: [],
      },
    ],
  );
});

test("a variant the plugin does not know is an error with its place", async () => {
  await assert.rejects(
    inspectPlugin({
      files: readFixture("lagoon"),
      image: { version: "1.0.0", protocol: "lagoon", variant: "other" },
      params: {},
      workers,
    }),
    {
      name: "PluginError",
      code: "PLUGIN_SCRIPT",
      message: /Unknown property 'net' - a getter is not registered for type '\(\)'/,
    },
  );
});

test("a custom init shows the jobs it creates", async () => {
  const {
    plugin_config: config,
    jobs,
    functions,
  } = await inspectPlugin({
    files: { "main.rhai": 'fn init() { start_job("own", #{ job_type: #{ run_sh: "x" }, restart: "never" }); }' },
    image: { version: "1.0.0", protocol: "p", variant: "v" },
    params: {},
    workers,
  });
  assert.deepEqual([config, jobs.map((one) => one.name), functions], [null, ["own"], ["init"]]);
});
