import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { builtAgent } from "../../testbed/agent.ts";
import { randomFrom } from "../../testbed/random.ts";
import { treeOf } from "../testing/download-fixture.ts";
import { FaultyStore } from "../testing/faulty-store.ts";
import { sampleBytes, sampleSource, storeSample } from "../testing/sample-archive.ts";
import { ToolProcess } from "../testing/tool-process.ts";

/** How often the download is killed; BABEL_ARCHIVE_KILLS=500 for the long version. */
const KILLS = Number(process.env["BABEL_ARCHIVE_KILLS"] ?? 12);
const SEED = Number(process.env["BABEL_SEED"] ?? Date.now() % 2 ** 31);
const CONNECTIONS = 3;
const CHUNK = 400_000;

test(`a download survives ${KILLS} kills: no byte wrong, nothing complete early, no finished chunk fetched again`, async (t) => {
  t.diagnostic(`seed ${SEED}`);
  const random = randomFrom(SEED);
  const bundle = await builtAgent();
  const store = await FaultyStore.start();
  const folder = await mkdtemp(join(tmpdir(), "babel-crash-"));
  t.after(async () => {
    await store.close();
    await rm(folder, { recursive: true, force: true });
    await rm(dirname(bundle.folder), { recursive: true, force: true });
  });
  const files = new Map([
    ["db/big", sampleBytes(8_000_000, "big")],
    ["empty", Buffer.of()],
  ]);
  for (let n = 0; n < 60; n += 1) files.set(`small/${n}`, sampleBytes(Math.floor(random() * 60_000), `${n}`));
  const sample = await storeSample(store, files, { chunkSize: CHUNK });
  const source = sampleSource(store, sample);
  const stored = sample.chunks.reduce((sum, { size }) => sum + size, 0);
  const largest = Math.max(...sample.chunks.map(({ size }) => size));
  // Now and then the store is faulty, too. What was on its way when a connection was reset never arrived; nor did that of the
  // connections which are given up because the store asks to slow down.
  let lost = 0;
  store.fault = ({ key, from }) => {
    const dice = random();
    if (dice < 0.03) {
      const after = Math.floor(random() * CHUNK);
      lost += Math.min(after, (store.objects.get(key)?.length ?? 0) - from);
      return { kind: "reset", after };
    }
    if (dice >= 0.05 || from > 0) return undefined;
    lost += (CONNECTIONS - 1) * largest;
    return { kind: "status", status: 503, retryAfter: "0" };
  };
  const [data, state] = [join(folder, "data"), join(folder, "state")];
  const marker = join(state, "INCOMPLETE");
  const args = [
    "fetch",
    "--name",
    "sample-key",
    "--data",
    data,
    "--state",
    state,
    "--max-connections",
    `${CONNECTIONS}`,
  ];

  let kills = 0;
  let downloads = 0;
  let sentBefore = 0;
  let killsBefore = 0;
  let lostBefore = 0;
  while (kills < KILLS || existsSync(state)) {
    const tool = new ToolProcess(join(bundle.folder, bundle.description.version), args, source);
    const kill = (): void => void tool.child.kill("SIGKILL");
    const limit = store.counters.sent + Math.floor(random() * stored * 0.6);
    let timer: NodeJS.Timeout | undefined;
    if (kills < KILLS && random() < 0.75) store.sending = () => store.counters.sent >= limit && kill();
    else if (kills < KILLS) timer = setTimeout(kill, random() * 900);
    const code = await tool.ended;
    clearTimeout(timer);
    store.sending = () => undefined;
    if (code === null) kills += 1;
    const complete = existsSync(join(state, "plan.json")) && !existsSync(marker);
    if (code === 0) assert.equal(tool.result?.["kind"], "complete");
    else assert.equal(code, null, JSON.stringify(tool.result));
    if (code === 0) assert.ok(complete);
    if (!complete) continue;
    assert.deepEqual(await treeOf(data), sample.files);
    const again = store.counters.sent - sentBefore - stored;
    const allowed = (kills - killsBefore) * CONNECTIONS * largest + lost - lostBefore;
    assert.ok(again <= allowed, `${again} bytes were fetched twice, ${allowed} may be`);
    downloads += 1;
    sentBefore = store.counters.sent;
    killsBefore = kills;
    lostBefore = lost;
    await rm(data, { recursive: true });
    await rm(state, { recursive: true });
  }
  t.diagnostic(`${kills} kills, ${downloads} downloads, ${stored} bytes each, largest chunk ${largest}`);
});
