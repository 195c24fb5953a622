import assert from "node:assert/strict";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { openRegistry } from "../testbed/registry.ts";
import type { JobConfig } from "./config.ts";

/** As found on disk. (appendix A) */
const GETH =
  '{"job_type":{"run_sh":"/root/bin/geth --datadir /blockjoy/protocol_data/geth"},"restart":{"always":{"backoff_timeout_ms":60000,' +
  '"backoff_base_ms":1000,"max_retries":null}},"shutdown_timeout_secs":120,"shutdown_signal":"SIGINT","needs":["download"],"wait_for":[],' +
  '"run_as":null,"log_buffer_capacity_mb":null,"log_timestamp":null,"use_protocol_data":true,"one_time":null}';
const DOWNLOAD =
  '{"job_type":{"download":{"max_connections":5,"max_runners":8}},"restart":{"on_failure":{"backoff_timeout_ms":600000,"backoff_base_ms":500,' +
  '"max_retries":10}},"shutdown_timeout_secs":null,"shutdown_signal":null,"needs":null,"wait_for":null,"run_as":null,' +
  '"log_buffer_capacity_mb":null,"log_timestamp":null,"use_protocol_data":null,"one_time":null}';

const rest = { restart: "never" } as const;
/** All that can be said of a job, and what of it is on disk. */
const all: readonly (readonly [JobConfig, Readonly<Record<string, unknown>>])[] = [
  [
    {
      ...{ job_type: { run_sh: "true" }, restart: { on_failure: { backoff_timeout_ms: 1, backoff_base_ms: 2 } } },
      ...{ shutdown_timeout_secs: 0, shutdown_signal: "SIGUSR1", needs: ["geth"], wait_for: ["download"] },
      ...{ run_as: "nobody", log_buffer_capacity_mb: 3, log_timestamp: true, use_protocol_data: false, one_time: true },
      initializes_protocol_data: "cold-init",
    },
    {
      ...{ restart: { on_failure: { backoff_timeout_ms: 1, backoff_base_ms: 2, max_retries: null } }, one_time: true },
      initializes_protocol_data: "cold-init",
    },
  ],
  [
    {
      job_type: { run_sh: "true" },
      restart: { always: { backoff_timeout_ms: 1, backoff_base_ms: 2, max_retries: 3, backoff_max_ms: 4 } },
      ready_check: { tcp: 1 },
    },
    {
      restart: { always: { backoff_timeout_ms: 1, backoff_base_ms: 2, max_retries: 3, backoff_max_ms: 4 } },
      ready_check: { tcp: 1 },
    },
  ],
  [
    {
      job_type: { upload: { exclude: ["*.log"], compression: { ZSTD: 3 }, layout: "cas", append_only: ["*.wal"] } },
      ...rest,
    },
    {
      job_type: {
        upload: {
          ...{ exclude: ["*.log"], compression: { ZSTD: 3 }, max_connections: null, max_runners: null },
          ...{ number_of_chunks: null, url_expires_secs: null, data_version: null, layout: "cas" },
          append_only: ["*.wal"],
        },
      },
    },
  ],
  [
    {
      job_type: { multi_client_download: { max_bytes_per_second: 9, verify: "full", verify_on_resume: "sample" } },
      ...rest,
    },
    {
      job_type: {
        multi_client_download: {
          ...{ max_connections: null, max_runners: null, max_bytes_per_second: 9 },
          ...{ verify: "full", verify_on_resume: "sample" },
        },
      },
    },
  ],
  [
    { job_type: { multi_client_upload: { data_version: 7 } }, ...rest },
    {
      job_type: {
        multi_client_upload: { max_connections: null, max_runners: null, url_expires_secs: null, data_version: 7 },
      },
    },
  ],
];

test("config.json has the shape that is known of it, whatever a job is; null is as good as absent (T-08)", async (t) => {
  const first = await openRegistry();
  t.after(() => rm(first.root, { recursive: true, force: true }));
  const fileOf = (name: string) => join(first.paths.jobs, name, "config.json");
  const named = Object.fromEntries(all.map(([config], index) => [`job${index}`, config]));
  for (const [name, config] of Object.entries(named)) await first.registry.create(name, config);
  for (const [index, [, expected]] of all.entries()) {
    const found = JSON.parse(await readFile(fileOf(`job${index}`), "utf8"));
    assert.deepEqual({ ...found, ...expected }, found);
    assert.deepEqual(Object.keys(found).slice(0, 11), Object.keys(JSON.parse(GETH)));
  }
  first.registry.abandon();

  const samples = { geth: GETH, download: DOWNLOAD };
  for (const [name, text] of Object.entries(samples)) {
    await mkdir(join(first.paths.jobs, name));
    await writeFile(fileOf(name), text);
  }
  // Like what was stopped there: nothing of it runs here.
  const stopped = {
    version: 1,
    state: { kind: "stopped" },
    changedAt: 0,
    runs: 0,
    attempts: { attempt: 0, losses: 0 },
  };
  for (const name of Object.keys(samples)) {
    await writeFile(join(first.paths.jobs, name, "status.json"), JSON.stringify(stopped));
  }
  const { registry, reports } = await openRegistry({ root: first.root });
  t.after(() => registry.retain([]));
  for (const [name, config] of Object.entries(named)) assert.deepEqual(registry.get(name).config, config);
  const { config: geth } = registry.get("geth");
  assert.deepEqual(geth, {
    job_type: { run_sh: "/root/bin/geth --datadir /blockjoy/protocol_data/geth" },
    restart: { always: { backoff_timeout_ms: 60_000, backoff_base_ms: 1_000 } },
    ...{ shutdown_timeout_secs: 120, shutdown_signal: "SIGINT", needs: ["download"], wait_for: [] },
    use_protocol_data: true,
  });
  for (const [name, text] of Object.entries(samples)) {
    await registry.create(name, registry.get(name).config);
    assert.equal(await readFile(fileOf(name), "utf8"), text);
  }
  assert.deepEqual(reports, []);
});
