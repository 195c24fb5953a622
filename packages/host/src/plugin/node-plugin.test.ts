import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { PluginWorkers, StubEngine, sampleNodeEnv } from "@blockvisor/plugin";
import { NodePlugin } from "./node-plugin.ts";

const script = `
fn init() { loop {} }
fn height() { loop {} }
fn think() { loop {} }
fn plugin_config() { #{ services: [] } }
`;

test("how long a function may take is the configuration's, as it is when it is called (DB-4.17)", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "bv-node-plugin-"));
  const workers = new PluginWorkers({ size: 1 });
  t.after(async () => {
    await workers.close();
    await rm(folder, { recursive: true });
  });
  const files = join(folder, "var/lib/babel/plugin");
  await mkdir(files, { recursive: true });
  await writeFile(join(files, "main.rhai"), script);
  const engine = new StubEngine({ env: sampleNodeEnv({ version: "1", protocol: "p", variant: "v" }), params: {} });
  let limits = { callMs: 60, initMs: 70, pollMs: 80 };
  const plugin = new NodePlugin(
    workers,
    engine,
    async () => folder,
    () => limits,
  );
  await plugin.load();
  const over = (name: string, ms: number) => ({
    code: "PLUGIN_TIMEOUT",
    message: `'${name}' did not finish within ${ms / 1000} s`,
  });
  await assert.rejects(plugin.call("think", ""), over("think", 60));
  await assert.rejects(plugin.call("init", ""), over("init", 70));
  await assert.rejects(plugin.init({}), over("init", 70));
  await assert.rejects(
    plugin.poll((loaded, asked, options) => loaded.poll("height", asked, options)),
    over("height", 80),
  );
  const recorded = { secrets: new Map(), secretParams: [] };
  const { functions } = await plugin.record(recorded);
  assert.deepEqual(
    functions.map(({ function: fn, error, calls }) => [fn, error, calls]),
    [["height", "'height' did not finish within 0.06 s", []]],
  );
  await assert.rejects(plugin.record({ ...recorded, also: [{ name: "init", param: "" }] }), { code: "invalid" });
  await assert.rejects(plugin.record({ ...recorded, also: [{ name: "none", param: "" }] }), { code: "not_found" });
  await assert.rejects(plugin.record({ ...recorded, signal: AbortSignal.abort() }), { name: "AbortError" });
  limits = { ...limits, callMs: 90 };
  await assert.rejects(plugin.call("think", ""), over("think", 90));
  await assert.rejects(plugin.call("think", "", { timeoutMs: 50 }), over("think", 50));
});
