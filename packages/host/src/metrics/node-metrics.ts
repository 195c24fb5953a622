import type { PolledValues } from "@blockvisor/plugin";
import type { NodeMetricsSchema } from "@blockvisor/wire/blockvisor/host/v1/host";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { reportOf } from "../errors/host-error.ts";
import type { NodeActor } from "../node/node-actor.ts";
import { scriptJobInfo } from "../plugin/job-messages.ts";
import { jobMessage } from "../service/job-message.ts";

/** Of the list of jobs; each function of the plugin has a limit of its own (spec host-daemon §10.3). */
const jobsTimeoutMs = 4_000;

/** Asked for in this order, where the plugin has them. */
const values = [
  "height",
  "block_age",
  "consensus",
  "apr",
  "jailed",
  "jailed_reason",
  "sqd_name",
] as const satisfies readonly (keyof PolledValues)[];

/** States in which the protocol itself has nothing to tell yet. */
const notYet = new Set(["downloading", "uploading", "initializing", "starting", "failed"]);

/** The job that a state is about. */
const transferOf: Readonly<Record<string, string>> = { downloading: "download", uploading: "upload" };

type Metrics = MessageInitShape<typeof NodeMetricsSchema>;

/** What a node's plugin says of it now. A function that fails leaves its value out and says why under `problems`. */
export async function nodeMetrics(actor: NodeActor): Promise<Metrics> {
  const { plugin, link } = actor.parts;
  const problems: string[] = [];
  const { jobs } = await link.call("get_jobs", (options) => link.jobs.listJobs({}, options), {
    timeoutMs: jobsTimeoutMs,
  });
  const told = jobs.map(jobMessage);
  const collected: Metrics = { jobs: told, problems };

  const can = new Set(plugin.capabilities);
  /** What fails as a whole is told under these names. */
  const telling = async <T>(names: readonly string[], answer: Promise<T>): Promise<T | undefined> =>
    answer.catch((error: unknown) => {
      problems.push(`${names.join(", ")}: ${reportOf(error).message}`);
      return undefined;
    });

  if (!can.has("protocol_status")) return collected;
  const known = Object.fromEntries(jobs.map((job) => [job.name, scriptJobInfo(job)]));
  const status = await telling(
    ["protocol_status"],
    plugin.poll((loaded, engine, options) => loaded.protocolStatus(engine, { ...options, jobs: known })),
  );
  if (status === undefined) return collected;
  const progress = told.find(({ name }) => name === transferOf[status.state])?.progress;
  collected.protocolStatus = { state: status.state, health: status.health, ...given("progress", progress) };
  const asked = values.filter((name) => can.has(name));
  if (notYet.has(status.state) || asked.length === 0) return collected;

  const polled = await telling(
    asked,
    plugin.poll((loaded, engine, options) => loaded.pollAll(asked, engine, options)),
  );
  if (polled === undefined) return collected;
  for (const [name, error] of polled.failures) problems.push(`${name}: ${reportOf(error).message}`);
  const { height, block_age: blockAge, consensus, apr, jailed, jailed_reason, sqd_name } = polled.values;
  return {
    ...collected,
    ...given("height", height === undefined ? undefined : BigInt(height)),
    ...given("blockAge", blockAge === undefined ? undefined : BigInt(blockAge)),
    ...given("consensus", consensus),
    ...given("apr", apr),
    ...given("jailed", jailed),
    ...given("jailedReason", jailed_reason),
    ...given("sqdName", sqd_name),
  };
}

function given<K extends string, T>(key: K, value: T | undefined): { [P in K]?: T } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]?: T });
}
