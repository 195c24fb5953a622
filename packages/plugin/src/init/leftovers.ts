import type { PluginConfig } from "../config/model.ts";
import { DOWNLOAD_JOB, UPLOAD_JOB } from "../config/plan.ts";
import { isActive } from "../engine/job.ts";
import type { EngineContext, PluginEngine } from "../engine/port.ts";

/** The engine, and the names of all jobs that are created or started through it. Who knows of others adds them. */
export function notingJobs(engine: PluginEngine): {
  readonly engine: PluginEngine;
  readonly named: Set<string>;
} {
  const named = new Set<string>();
  const noting = new Proxy(engine, {
    get(target, method) {
      const member: unknown = Reflect.get(target, method);
      if (typeof member !== "function") return member;
      const names = method === "createJob" || method === "startJob";
      return (...args: unknown[]): unknown => {
        if (names) named.add(String(args[0]).trim());
        return member.apply(target, args);
      };
    },
  });
  return { engine: noting, named };
}

/**
 * Deletes the jobs that an earlier plugin, or an earlier config, left behind: they were neither created nor started by the init that just
 * ended, and do not run. (D3-16) What brought the data in, and the last upload, stay to be looked at. An init that names no job at all
 * has not defined a new set.
 */
export async function deleteLeftovers(
  engine: PluginEngine,
  named: ReadonlySet<string>,
  ctx: EngineContext,
): Promise<void> {
  if (named.size === 0) return;
  const kept = new Set([...named, DOWNLOAD_JOB, UPLOAD_JOB]);
  for (const [name, { status }] of Object.entries(await engine.getJobs(ctx))) {
    if (!kept.has(name) && !isActive(status)) await engine.deleteJob(name, ctx);
  }
}

/** Tasks of the config before that the new one no longer has. Before the new one is stored, so that a crash repeats it. */
export async function deleteDroppedTasks(
  engine: PluginEngine,
  before: PluginConfig | undefined,
  config: PluginConfig,
  ctx: EngineContext,
): Promise<void> {
  const kept = new Set((config.scheduled ?? []).map(({ name }) => name));
  for (const { name } of before?.scheduled ?? []) if (!kept.has(name)) await engine.deleteTask(name, ctx);
}
