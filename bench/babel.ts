/** What a node's agent takes of the machine while it only watches, against its bars (issue 4); and how fast jobs come and go. */
import { rmSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { builtAgent, statusOf, TestAgent } from "../packages/babel/src/testbed/agent.ts";
import { activityOf, helpersOf, residentKb } from "../packages/babel/src/testbed/footprint.ts";

const idleJobs = 16;
const idleSeconds = 30;
const shortJobs = 400;
const bars = { resident_kb: 90_000, core_share: 0.01 };

const bundle = await builtAgent();
const agent = await TestAgent.start(bundle);
try {
  const payloads: number[] = [];
  for (let index = 0; index < idleJobs; index += 1) {
    await agent.run(`idle${index}`, "exec sleep 100000");
    payloads.push((await agent.running(`idle${index}`)).run?.pid ?? 0);
  }
  await delay(2_000);
  const helpers = [...helpersOf(payloads)];
  const all = [agent.pid, ...helpers];
  const before = await activityOf(all);
  await delay(idleSeconds * 1_000);
  const after = await activityOf(all);
  const babelKb = await residentKb(agent.pid);
  // The helpers are one static busybox: what they share counts once.
  const helperKb = (await Promise.all(helpers.map((pid) => residentKb(pid, "Pss")))).reduce((sum, kb) => sum + kb, 0);
  const share = (after.nanoseconds - before.nanoseconds) / 1e9 / idleSeconds;

  await agent.create("short", "true");
  const started = performance.now();
  for (let run = 1n; run <= shortJobs; run += 1n) {
    await agent.jobs.startJob({ name: "short" });
    await agent.reaches("short", (job) => job.run?.number === run && statusOf(job) === "finished(0)");
  }
  const perJobMs = (performance.now() - started) / shortJobs;

  const figures = {
    jobs: idleJobs,
    babel_kb: babelKb,
    helpers: helpers.length,
    helpers_kb: helperKb,
    resident_kb: babelKb + helperKb,
    core_share: share,
    wake_ups_per_second: (after.wakeUps - before.wakeUps) / idleSeconds,
    short_job_ms: perJobMs,
    bars,
  };
  console.log("\nbabel");
  const mb = (kb: number): string => `${(kb / 1000).toFixed(1)} MB`;
  console.log(
    `  idle with ${idleJobs} jobs: ${mb(babelKb + helperKb)} resident (babel ${mb(babelKb)}, ${helpers.length} helpers ${mb(helperKb)}); bar ${mb(bars.resident_kb)}`,
  );
  console.log(
    `  ${(share * 100).toFixed(3)} % of one core, ${figures.wake_ups_per_second.toFixed(2)} wake-ups a second; bar ${bars.core_share * 100} %`,
  );
  console.log(`  a job that does nothing, from its start to its known end: ${perJobMs.toFixed(1)} ms`);
  console.log(JSON.stringify({ bench: "babel", figures }));
  if (babelKb + helperKb > bars.resident_kb || share > bars.core_share) process.exitCode = 1;
} finally {
  await agent.dispose();
  rmSync(dirname(bundle.folder), { recursive: true, force: true });
}
