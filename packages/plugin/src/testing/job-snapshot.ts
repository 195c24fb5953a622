import { isDeepStrictEqual } from "node:util";
import type { JobConfig } from "../engine/job.ts";
import { type BuiltInTest, start, uploads } from "./built-in-tests.ts";
import { requireSame, type SnapshotBook } from "./snapshots.ts";
import type { TestHost } from "./test-host.ts";

type Configs = Readonly<Record<string, JobConfig>>;

/** The name of the value in the book. */
export const JOB_SNAPSHOT = "jobs";

/**
 * Every job that init and upload make of the config is as it was when it was kept (spec plugin-api.md §9.2), so that a review sees what a change of
 * the config does: those after init with an archive, and what is otherwise after an upload, and without an archive.
 */
export function jobSnapshotTest(book: SnapshotBook): BuiltInTest {
  return {
    name: "jobs as in the snapshot",
    run: async (plugin, host) => {
      await start(plugin, host);
      const jobs = configsOf(host);
      const canUpload = plugin.capabilities.includes("upload") && (await uploads(plugin, host));
      const upload = canUpload ? otherThan(jobs, host) : {};
      for (const name of host.jobs.names) host.jobs.delete(name);
      host.dataStamp = undefined;
      host.archive = false;
      await start(plugin, host);
      const all = { jobs, upload, without_an_archive: otherThan(jobs, host) };
      // As it will be read.
      requireSame(book, JOB_SNAPSHOT, JSON.parse(JSON.stringify(all)));
    },
  };
}

function otherThan(usual: Configs, host: TestHost): Configs {
  const others = Object.entries(configsOf(host)).filter(([name, config]) => !isDeepStrictEqual(usual[name], config));
  return Object.fromEntries(others);
}

function configsOf({ jobs }: TestHost): Configs {
  return Object.fromEntries(jobs.names.map((name) => [name, jobs.config(name)]));
}
