import type { AgentLink } from "../agent/agent-link.ts";
import { stageOf } from "../plugin/job-messages.ts";

/** The name of the config's section, under which people look for what it does. */
const alias = "cold_init";

/** A cold init runs as the job `download` (spec plugin-api §3): asked for by its own name it is found, too, unless a job really has that name. */
export async function jobNamed(link: AgentLink, name: string): Promise<string> {
  if (name !== alias) return name;
  const { jobs } = await link.call("get_jobs", (options) => link.jobs.listJobs({}, options), { retry: true });
  if (jobs.some((job) => job.name === alias)) return alias;
  return jobs.find(({ config }) => stageOf(config) === alias)?.name ?? alias;
}
