import type { CallOptions, Plugin, PluginEngine, PolledValues } from "@blockvisor/plugin";
import type { NodeMetricsSchema } from "@blockvisor/wire/blockvisor/host/v1/host";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { reportOf } from "../errors/host-error.ts";
import type { NodeActor } from "../node/node-actor.ts";
import { jobMessage } from "../service/job-message.ts";

/** Budget of each plugin function, in milliseconds (spec host-daemon §10.3). */
const callTimeoutMs = 4_000;

/** States in which the protocol itself has nothing to tell yet. */
const notYet = new Set(["downloading", "uploading", "starting"]);

type Metrics = MessageInitShape<typeof NodeMetricsSchema>;

/** What a node's plugin says of it now. A function that fails leaves its value out and says why under `problems`. */
export async function nodeMetrics(actor: NodeActor): Promise<Metrics> {
  const { plugin, link } = actor.parts;
  const problems: string[] = [];
  const { jobs } = await link.call("get_jobs", (options) => link.jobs.listJobs({}, options), {
    timeoutMs: callTimeoutMs,
  });
  const collected: Metrics = { jobs: jobs.map(jobMessage), problems };

  const ask = async <T>(
    name: string,
    call: (plugin: Plugin, engine: PluginEngine, options: CallOptions) => Promise<T>,
  ): Promise<T | undefined> => {
    if (!plugin.capabilities.includes(name)) return undefined;
    try {
      return await plugin.poll(callTimeoutMs, call);
    } catch (error) {
      problems.push(`${name}: ${reportOf(error).message}`);
      return undefined;
    }
  };
  const value = <K extends keyof PolledValues>(name: K): Promise<PolledValues[K] | undefined> =>
    ask(name, (loaded, engine, options) => loaded.poll(name, engine, options));

  const status = await ask("protocol_status", (loaded, engine, options) => loaded.protocolStatus(engine, options));
  if (status === undefined) return collected;
  collected.protocolStatus = { state: status.state, health: status.health };
  if (notYet.has(status.state)) return collected;

  const height = await value("height");
  const blockAge = await value("block_age");
  return {
    ...collected,
    ...given("height", height === undefined ? undefined : BigInt(height)),
    ...given("blockAge", blockAge === undefined ? undefined : BigInt(blockAge)),
    ...given("consensus", await value("consensus")),
    ...given("apr", await value("apr")),
    ...given("jailed", await value("jailed")),
    ...given("jailedReason", await value("jailed_reason")),
    ...given("sqdName", await value("sqd_name")),
  };
}

function given<K extends string, T>(key: K, value: T | undefined): { [P in K]?: T } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]?: T });
}
