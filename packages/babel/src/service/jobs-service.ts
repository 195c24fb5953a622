import { dependenciesOf, inOrder } from "@blockvisor/jobs";
import * as pb from "@blockvisor/wire/blockvisor/babel/v1/babel";
import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import type { Agent } from "../agent.ts";
import { cleanupJob } from "../jobs/cleanup.ts";
import { changeLimits } from "../jobs/limits.ts";
import { savePluginConfig } from "../jobs/plugin-config.ts";
import { jobConfigOf, jobInfoMessages, jobStatusMessage, limitsOf } from "./job-messages.ts";
import { readJobLogs } from "./log-stream.ts";

/** Everything a plugin or an operator can do with jobs. */
export function jobsService(agent: Agent): ServiceImpl<typeof pb.BabelJobs> {
  const { jobs } = agent;
  return {
    createJob: async ({ name, config }) => {
      agent.requireReady();
      await jobs.create(name, jobConfigOf(name, config));
      return {};
    },
    startJob: async ({ name, force }) => {
      agent.requireReady();
      await jobs.start(name, force);
      return {};
    },
    stopJob: async ({ name }) => {
      await jobs.stop(name, "stop");
      return {};
    },
    stopAllJobs: async () => {
      await jobs.stopAll();
      return {};
    },
    skipJob: async ({ name }) => {
      await jobs.stop(name, "skip");
      return {};
    },
    cleanupJob: async ({ name }) => {
      const engine = { engineSocket: agent.paths.engineSocket, secret: agent.secret };
      await cleanupJob(jobs.get(name, "can't cleanup"), agent.protocolData, engine);
      return {};
    },
    resetJob: async ({ name }) => {
      await jobs.get(name, "can't reset").reset();
      return {};
    },
    deleteJob: async ({ name }) => {
      await jobs.delete(name);
      return {};
    },
    retainJobs: async ({ names }) => ({ deleted: [...(await jobs.retain(names))] }),
    getJob: async ({ name }) => ({ job: (await jobInfoMessages([jobs.get(name)]))[0]! }),
    listJobs: async () => ({ jobs: await jobInfoMessages(jobs.list()) }),
    watchJobs: (_request, context) => watchJobs(agent, context.signal),
    getJobGraph: () => jobGraph(agent),
    getStopTimeout: ({ name }) => {
      const timeout = name === undefined ? jobs.stopTimeoutMs() : (jobs.find(name)?.stopTimeoutMs() ?? 0);
      return { timeout: durationFromMs(timeout) };
    },
    readJobLogs: (request, context) => readJobLogs(jobs, request, context.signal),
    savePluginConfig: async ({ name, pluginConfig }) => {
      await savePluginConfig(agent.paths, name, pluginConfig);
      return {};
    },
    setTransferLimits: async ({ name, ...change }) => {
      await changeLimits(jobs.get(name), limitsOf(change));
      return {};
    },
  };
}

/** All jobs, then each one again when it changed; changes that come faster than they are read are joined. */
async function* watchJobs(agent: Agent, signal: AbortSignal): AsyncGenerator<pb.WatchJobsResponse> {
  const changed = new Set(agent.jobs.list().map((job) => job.name));
  const deleted = new Set<string>();
  let wake = (): void => undefined;
  const unsubscribe = agent.jobs.subscribe((change) => {
    for (const name of change.changed) changed.add(name);
    for (const name of change.deleted) deleted.add(name);
    wake();
  });
  const stop = (): void => wake();
  signal.addEventListener("abort", stop);
  try {
    for (let first = true; !signal.aborted; first = false) {
      if (changed.size > 0 || deleted.size > 0 || first) {
        const known = [...changed].flatMap((name) => agent.jobs.find(name) ?? []);
        const gone = [...deleted].filter((name) => agent.jobs.find(name) === undefined);
        changed.clear();
        deleted.clear();
        yield create(pb.WatchJobsResponseSchema, {
          changed: await jobInfoMessages(known),
          deleted: gone,
        });
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    signal.removeEventListener("abort", stop);
    unsubscribe();
  }
}

function jobGraph(agent: Agent): pb.GetJobGraphResponse {
  const all = agent.jobs.list();
  const edges = all.flatMap((job) =>
    dependenciesOf(job.config).map((dependency) => ({ job: job.name, ...dependency })),
  );
  const names = [...new Set([...all.map((job) => job.name), ...edges.map((edge) => edge.name)])];
  return create(pb.GetJobGraphResponseSchema, {
    jobs: inOrder(names, agent.jobs.edges).map((name) => {
      const job = agent.jobs.find(name);
      return { name, defined: job !== undefined, ...(job === undefined ? {} : { status: jobStatusMessage(job) }) };
    }),
    edges: edges.map((edge) => ({
      job: edge.job,
      dependsOn: edge.name,
      kind: edge.kind === "needs" ? pb.JobEdge_Kind.NEEDS : pb.JobEdge_Kind.WAIT_FOR,
    })),
  });
}
