import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { JobConfig, PluginConfig } from "@blockvisor/plugin";
import {
  type JobConfig as BabelJobConfig,
  ErrorDetailSchema,
  RunShResponseSchema,
} from "@blockvisor/wire/blockvisor/babel/v1/babel";
import { Code, ConnectError } from "@connectrpc/connect";
import { openAgentLink } from "../agent/agent-link.ts";
import { NodeTasks } from "../schedule/node-tasks.ts";
import { devSecrets } from "../secrets/dev-secrets.ts";
import { standInBabel } from "../testbed/stand-in-babel.ts";
import { createNodeEngine, readPluginConfig } from "./node-engine.ts";
import { readFileOf } from "./read-file.ts";

/** The engine of a node whose babel does what a test wants, at the socket where the real one listens. */
async function nodeEngine(t: TestContext) {
  const { runDirectory: folder, listen, die } = await standInBabel(t);
  const link = openAgentLink(folder, () => "secret");
  const engine = createNodeEngine({
    link,
    requireAgent: () => {},
    env: () => assert.fail("nobody asks for it"),
    tasks: new NodeTasks(join(folder, "tasks.json"), async () => ""),
    secrets: devSecrets(join(folder, "secrets.json"), join(folder, "secrets")),
    devMode: false,
    pluginDataPath: join(folder, "plugin.data"),
    pluginConfigPath: join(folder, "plugin_config.json"),
    archiveId: () => "archive-1",
    hasArchive: async () => false,
    log: () => {},
  });
  const context = { deadline: Date.now() + 60_000, signal: new AbortController().signal };
  return { engine, link, context, listen, die, folder };
}

const sh = { timeoutMs: 5_000 };
const rest = { url: "http://127.0.0.1:1/", method: "GET", headers: [] };
const jrpc = { host: "http://127.0.0.1:1/", method: "pay", headers: [] };

test("a service that is down is told as it is, after one request", async (t) => {
  const { engine, context, listen } = await nodeEngine(t);
  let requests = 0;
  await listen({
    runRest: () => {
      requests += 1;
      const detail = { code: "http-failed", message: "connection refused", hint: "" };
      throw new ConnectError(detail.message, Code.Unavailable, undefined, [{ desc: ErrorDetailSchema, value: detail }]);
    },
  });
  await assert.rejects(engine.runRest(rest, 5_000, context), { code: "http_failed", message: "connection refused" });
  assert.equal(requests, 1);
});

test("when the connection is lost, only what may happen twice is sent again", async (t) => {
  const { engine, context, listen, die } = await nodeEngine(t);
  const seen: string[] = [];
  await listen({
    runJrpc: () => {
      seen.push("jrpc");
      return die();
    },
    runSh: () => {
      seen.push("sh");
      return die();
    },
    renderTemplate: ({ mode }) => {
      seen.push(`template ${mode?.toString(8)}`);
      return seen.length < 4 ? die() : { changed: true };
    },
  });
  const lost = (operation: string) => ({
    code: "cancelled",
    message: `babel went away before it answered (${operation})`,
  });
  await assert.rejects(engine.runJrpc(jrpc, 5_000, context), lost("run_jrpc"));
  await assert.rejects(engine.runSh("true", sh, context), lost("run_sh"));
  await engine.renderTemplate("/a", "/b", "{}", 0o600, context);
  assert.deepEqual(seen, ["jrpc", "sh", "template 600", "template 600"]);
});

test("a script whose time is over says what it had printed", async (t) => {
  const { engine, context, listen } = await nodeEngine(t);
  const detail = { code: "run-sh-timeout", message: "the time is over", hint: "" };
  const output = { exitCode: 124, stdout: "", stderr: `${"x".repeat(5_000)}\nwaiting for the lock\n` };
  await listen({
    runSh: () => {
      throw new ConnectError(detail.message, Code.DeadlineExceeded, undefined, [
        { desc: ErrorDetailSchema, value: detail },
        { desc: RunShResponseSchema, value: output },
      ]);
    },
  });
  await assert.rejects(engine.runSh("true", sh, context), {
    code: "run_sh_timeout",
    message: `the time is over; it had printed\nstderr: ${"x".repeat(979)}\nwaiting for the lock`,
  });
});

test("a file is written with the mode that the script, or else babel, gives it", async (t) => {
  const { engine, context, listen } = await nodeEngine(t);
  const headers: unknown[] = [];
  await listen({
    writeFile: async (parts) => {
      for await (const { part } of parts) if (part.case === "header") headers.push([part.value.path, part.value.mode]);
      return {};
    },
  });
  await engine.fileWrite("/etc/key", new Uint8Array(3), undefined, context);
  await engine.fileWrite("/etc/secret", new Uint8Array(3), 0o600, context);
  assert.deepEqual(headers, [
    ["/etc/key", undefined],
    ["/etc/secret", 0o600],
  ]);
});

test("a file is read as it was sent; whatever answers in babel's place, no more is taken than a file, a list or a text may have", async (t) => {
  const { engine, context, listen, link } = await nodeEngine(t);
  const content = Buffer.from("a file in pieces");
  const endless = Promise.withResolvers<void>();
  await listen(
    {
      readFile: async function* ({ path }) {
        const pieces = path === "/good" ? [content.subarray(0, 1), content.subarray(1, 1), content.subarray(1)] : [];
        for (const value of pieces) yield { part: { case: "content", value } };
        try {
          while (path === "/endless") yield { part: { case: "content", value: Buffer.alloc(256 << 10) } };
          const sha256 = createHash("sha256").update(content).digest();
          yield { part: { case: "sha256", value: sha256 } };
        } finally {
          if (path === "/endless") endless.resolve();
        }
      },
      runRest: () => ({ statusCode: 200, body: "b", headers: [{ name: "n", value: "v" }] }),
    },
    { listJobs: () => ({ jobs: [{ name: "x".repeat(9 << 20) }] }) },
  );
  assert.deepEqual(Buffer.from(await engine.fileRead("/good", context)), content);
  await assert.rejects(readFileOf(link, "/endless", { timeoutMs: 15_000 }, 1 << 20), {
    code: "file_too_large",
    message: "file too large: /endless has more than 1048576 bytes",
  });
  // Babel hears that nobody reads on.
  await endless.promise;
  await assert.rejects(engine.getJobs(context), {
    code: "agent_failed",
    message: /has \d+ bytes, 8388608 are allowed/,
  });
  const { statusCode, body } = await link.babel.runRest(rest);
  assert.deepEqual([statusCode, body], [200, "b"]);
});

test("the config before the last change is kept, and numbers of template parameters stay what they are", async (t) => {
  const { engine, context, folder } = await nodeEngine(t);
  const file = (params: string) => ({ config_files: [{ template: "/t", destination: "/d", params }], services: [] });
  const first = file('{"a":1.0}') as unknown as PluginConfig;
  const second = file('{"a":9007199254740993}') as unknown as PluginConfig;
  for (const config of [first, second, second]) await engine.saveConfig(config, "d", context);
  assert.deepEqual(await engine.loadConfig(context), { config: second, digest: "d" });
  assert.deepEqual(await readPluginConfig(join(folder, "plugin_config.previous.json")), { config: first, digest: "d" });
});

test("differences count from the config that jobs were defined by, whatever was evaluated since", async (t) => {
  const { engine, context, folder } = await nodeEngine(t);
  const config = (name: string) => ({ config_files: null, services: [{ name }] }) as unknown as PluginConfig;
  assert.equal(await engine.loadApplied(context), undefined);
  await engine.saveConfig(config("a"), "1", context);
  await engine.saveApplied(config("a"), "1", context);
  for (const name of ["b", "c"]) await engine.saveConfig(config(name), "2", context);
  assert.deepEqual(await engine.loadApplied(context), { config: config("a"), digest: "1" });
  // A node of an earlier version has no record: its config counts, also once there is a newer one.
  await rm(join(folder, "plugin_config.applied.json"));
  assert.deepEqual(await engine.loadApplied(context), { config: config("c"), digest: "2" });
  await engine.saveConfig(config("d"), "3", context);
  assert.deepEqual(await engine.loadApplied(context), { config: config("c"), digest: "2" });
});

test("restarts are as the script says, also when an older version saved it", async (t) => {
  const { engine, context, listen } = await nodeEngine(t);
  const seen: unknown[] = [];
  const createJob = ({ config }: { config?: BabelJobConfig | undefined }) => {
    const policy = config?.restart?.policy;
    if (policy?.case === "always")
      seen.push([policy.value.backoffBaseMs, policy.value.maxRetries, policy.value.backoffMaxMs]);
    return {};
  };
  await listen({}, { createJob, getStopTimeout: () => ({}) });
  const backoff = { backoff_timeout_ms: 60_000, backoff_base_ms: 500, max_retries: 7 };
  for (const always of [{ ...backoff, backoff_max_ms: 20_000 }, backoff]) {
    const config = { job_type: { run_sh: "true" }, restart: { always } } as unknown as JobConfig;
    await engine.createJob("job", config, context);
  }
  assert.deepEqual(seen, [
    [500n, 7, 20_000n],
    [500n, 7, undefined],
  ]);
});

test("what an archive job reads again, and which of its files may grow, is as the script says", async (t) => {
  const { engine, context, listen } = await nodeEngine(t);
  const seen: unknown[] = [];
  const createJob = ({ config }: { config?: BabelJobConfig | undefined }) => {
    const kind = config?.jobType?.kind;
    if (kind?.case === "multiClientDownload") seen.push([kind.value.verify, kind.value.verifyOnResume]);
    if (kind?.case === "upload") seen.push(kind.value.appendOnly);
    return {};
  };
  await listen({}, { createJob, getStopTimeout: () => ({}) });
  const download = { multi_client_download: { verify: "full", verify_on_resume: "sample" } };
  for (const job_type of [download, { upload: { append_only: ["*.log"] } }]) {
    await engine.createJob("job", { job_type, restart: "never" } as unknown as JobConfig, context);
  }
  assert.deepEqual(seen, [["full", "sample"], ["*.log"]]);
});

test("when a job is ready is as the script says", async (t) => {
  const { engine, context, listen } = await nodeEngine(t);
  const seen: unknown[] = [];
  const createJob = ({ config }: { config?: BabelJobConfig | undefined }) => {
    seen.push(config?.readyCheck?.check);
    return {};
  };
  await listen({}, { createJob, getStopTimeout: () => ({}) });
  for (const ready_check of [{ sh: "true" }, { tcp: 80 }, { http: "http://127.0.0.1/" }, undefined]) {
    const config = { job_type: { run_sh: "true" }, restart: "never", ready_check } as unknown as JobConfig;
    await engine.createJob("job", config, context);
  }
  assert.deepEqual(seen, [
    { case: "sh", value: "true" },
    { case: "tcp", value: 80 },
    { case: "http", value: "http://127.0.0.1/" },
    undefined,
  ]);
});

test("a deadline between two milliseconds is one", async (t) => {
  const { engine, context, listen } = await nodeEngine(t);
  await listen({ runSh: ({ body }) => ({ stdout: body }) });
  const deadline = Math.floor(Date.now()) + 3_000.4;
  assert.equal((await engine.runSh("true", { timeoutMs: 15_000 }, { ...context, deadline })).stdout, "true");
});

test("what did not reach babel is sent when it is back", async (t) => {
  const { engine, context, listen } = await nodeEngine(t);
  const answer = engine.runSh("true", sh, context);
  await listen({ runSh: ({ body }) => ({ stdout: body }) });
  assert.deepEqual(await answer, { exitCode: 0, stdout: "true", stderr: "", truncated: false });
});

test("a script is run as, with and for as long as its caller says, and it is told when output was left out", async (t) => {
  const { engine, context, listen } = await nodeEngine(t);
  await listen({
    runSh: ({ user, stdin, env, timeoutMs }) => {
      const stdout = `${user} ${new TextDecoder().decode(stdin)} ${env["A"]} ${timeoutMs}`;
      return { stdout, stderrTruncated: true };
    },
  });
  const how = { timeoutMs: 0.2, user: "web", stdin: "in", env: { A: "b" } };
  assert.deepEqual(await engine.runSh("true", how, context), {
    exitCode: 0,
    stdout: "web in b 1",
    stderr: "",
    truncated: true,
  });
});

test("a short job whose start was taken, but not answered, runs once; a deletion is not missed", async (t) => {
  const { engine, context, listen, die } = await nodeEngine(t);
  const runs: Record<string, bigint> = { known: 4n, lost: 0n };
  let [starts, deletions] = [0, 0];
  await listen(
    {},
    {
      getJob: ({ name }) => {
        if (name in runs) return { job: { name, run: { number: runs[name] ?? 0n } } };
        const detail = { code: "job-not-found", message: "not found", hint: "" };
        throw new ConnectError(detail.message, Code.NotFound, undefined, [{ desc: ErrorDetailSchema, value: detail }]);
      },
      getStopTimeout: () => ({}),
      deleteJob: ({ name }) => {
        deletions += 1;
        delete runs[name];
        return die();
      },
      startJob: ({ name }) => {
        starts += 1;
        // This one was killed before the start was on disk.
        if (name === "lost" && starts === 2) return die();
        runs[name] = (runs[name] ?? 0n) + 1n;
        return name === "known" ? die() : {};
      },
    },
  );
  await engine.startJob("known", context);
  await engine.startJob("lost", context);
  assert.deepEqual([runs, starts], [{ known: 5n, lost: 1n }, 3]);
  await engine.deleteJob("known", context);
  assert.deepEqual([runs, deletions], [{ lost: 1n }, 1]);
});

test("a download of an archive that there is not is refused before babel hears of it", async (t) => {
  const { engine, context, listen } = await nodeEngine(t);
  await listen({}, { createJob: () => assert.fail("babel was asked") });
  const download: JobConfig = {
    job_type: { download: { max_connections: null, max_runners: null, verify: null, verify_on_resume: null } },
    restart: "never",
    shutdown_timeout_secs: null,
    shutdown_signal: null,
    needs: null,
    wait_for: null,
    run_as: null,
    log_buffer_capacity_mb: null,
    log_timestamp: null,
    use_protocol_data: null,
    one_time: null,
  };
  await assert.rejects(engine.createJob("download", download, context), {
    code: "not_found",
    message: "manifest not available for archive-1",
  });
});
