import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import {
  type EngineContext,
  type HttpResponse,
  type LogLevel,
  type NodeEnv,
  type PluginEngine,
  parseSavedConfig,
  type SavedConfig,
  savedConfigText,
} from "@blockvisor/plugin";
import type { JobInfo, RenderTemplateRequestSchema } from "@blockvisor/wire/blockvisor/babel/v1/babel";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { CallOptions } from "@connectrpc/connect";
import { AgentError } from "../agent/agent-error.ts";
import type { AgentCall, AgentLink } from "../agent/agent-link.ts";
import { writeDurable } from "../durable/index.ts";
import { HostError } from "../errors/host-error.ts";
import type { NodeTasks } from "../schedule/node-tasks.ts";
import type { Secrets } from "../secrets/secrets.ts";
import { dateOf, isSameJob, jobConfigMessage, scriptJobInfo } from "./job-messages.ts";
import { PluginData } from "./plugin-data.ts";
import { readFileOf } from "./read-file.ts";

/** What the engine of one node works with. `env` is asked at each call: names and properties change. */
export interface NodeEngineParts {
  readonly link: AgentLink;
  /** Whether the node is in a state in which babel can be asked; says why not. */
  readonly requireAgent: () => void;
  readonly env: () => NodeEnv;
  readonly tasks: NodeTasks;
  readonly secrets: Secrets;
  readonly devMode: boolean;
  readonly pluginDataPath: string;
  readonly pluginConfigPath: string;
  /** Of the image's own archive. */
  readonly archiveId: () => string;
  readonly hasArchive: (storeKey: string | undefined, signal: AbortSignal) => Promise<boolean>;
  readonly log: (level: LogLevel, message: string) => void;
}

const second = 1000;

/** Milliseconds that babel has to end a script that is out of time (SIGTERM, then SIGKILL after 2 s) and to answer. */
const runShMargin = 5 * second;
/** Milliseconds that babel has to say that a request was out of time. */
const httpMargin = 2 * second;

/** What the scripts of one node can ask of the host (spec plugin-api §2). */
export function createNodeEngine(parts: NodeEngineParts): PluginEngine {
  const { link } = parts;
  const data = new PluginData(parts.pluginDataPath);

  /** One call to babel: within the script's own deadline and ended with it. */
  const ask = <T>(
    operation: string,
    context: EngineContext,
    send: (options: CallOptions) => Promise<T>,
    call: AgentCall = {},
  ): Promise<T> => {
    parts.requireAgent();
    // A deadline of a worker has parts of milliseconds, a call has none.
    const left = Math.max(Math.ceil(context.deadline - Date.now()), 1);
    const timeoutMs = Math.min(call.timeoutMs ?? 15 * second, left);
    return link.call(operation, send, { retry: true, ...call, timeoutMs, signal: context.signal });
  };

  const stopTimeout = async (name: string | undefined, context: EngineContext): Promise<number> => {
    const { timeout } = await ask("get_stop_timeout", context, (options) =>
      link.jobs.getStopTimeout(name === undefined ? {} : { name }, options),
    );
    return Number(timeout?.seconds ?? 0n) * second + 15 * second;
  };

  const jobOf = async (name: string, context: EngineContext): Promise<JobInfo | undefined> => {
    const answer = ask("job_info", context, (options) => link.jobs.getJob({ name }, options));
    return answer.then(
      ({ job }) => job,
      (error: unknown) => {
        if (error instanceof AgentError && error.code === "job_not_found") return undefined;
        throw error;
      },
    );
  };
  const rendered = async (message: MessageInitShape<typeof RenderTemplateRequestSchema>, context: EngineContext) =>
    (await ask("render_template", context, (options) => link.babel.renderTemplate(message, options))).changed;
  const hasArchive = async (storeKey: string | undefined, signal: AbortSignal): Promise<boolean> =>
    !parts.devMode && parts.hasArchive(storeKey, signal);
  const lastRun = async (name: string, context: EngineContext): Promise<bigint> =>
    (await jobOf(name, context))?.run?.number ?? 0n;

  return {
    createJob: async (name, config, context) => {
      const jobName = name.trim();
      if (jobName === "") throw new HostError("invalid", "empty job name is not allowed");
      // Scripts try it to learn whether there is one (spec plugin-api §2.2).
      if ("download" in config.job_type && !(await hasArchive(undefined, context.signal))) {
        throw new HostError("not_found", `manifest not available for ${parts.archiveId()}`);
      }
      if ("multi_client_download" in config.job_type || "multi_client_upload" in config.job_type) {
        const pluginConfig = await readOptional(parts.pluginConfigPath);
        if (pluginConfig !== undefined) {
          await ask("save_plugin_config", context, (options) =>
            link.jobs.savePluginConfig({ name: jobName, pluginConfig }, options),
          );
        }
      }
      const message = jobConfigMessage(jobName, config);
      await ask("create_job", context, (options) => link.jobs.createJob({ name: jobName, config: message }, options), {
        timeoutMs: await stopTimeout(jobName, context),
      });
    },
    startJob: async (name, context) => {
      const before = await lastRun(name, context);
      let sent = false;
      await ask("start_job", context, async (options) => {
        // The answer was lost, not the start: a short job is over already, and would run twice.
        if (sent && (await lastRun(name, context)) > before) return;
        sent = true;
        await link.jobs.startJob({ name }, options);
      });
    },
    stopJob: async (name, context) => {
      const timeoutMs = await stopTimeout(name, context);
      await ask("stop_job", context, (options) => link.jobs.stopJob({ name }, options), { timeoutMs });
    },
    stopAllJobs: async (context) => {
      const timeoutMs = await stopTimeout(undefined, context);
      await ask("stop_all_jobs", context, (options) => link.jobs.stopAllJobs({}, options), { timeoutMs });
    },
    cleanupJob: async (name, context) => {
      await ask("cleanup_job", context, (options) => link.jobs.cleanupJob({ name }, options));
    },
    deleteJob: async (name, context) => {
      const timeoutMs = await stopTimeout(name, context);
      let sent = false;
      const remove = async (options: CallOptions): Promise<void> => {
        if (sent && (await jobOf(name, context)) === undefined) return;
        sent = true;
        await link.jobs.deleteJob({ name }, options);
      };
      await ask("delete_job", context, remove, { timeoutMs });
    },
    jobInfo: async (name, context) => {
      const { job } = await ask("job_info", context, (options) => link.jobs.getJob({ name }, options));
      if (job === undefined) throw new HostError("internal", `babel sent no information about job '${name}'`);
      return scriptJobInfo(job);
    },
    getJobs: async (context) => {
      const { jobs } = await ask("get_jobs", context, (options) => link.jobs.listJobs({}, options));
      return Object.fromEntries(jobs.map((job) => [job.name, scriptJobInfo(job)]));
    },
    compareJob: async (name, config, context) => {
      const job = await jobOf(name, context);
      const status = job?.status?.status.case;
      if (!isSameJob(job?.config, jobConfigMessage(name, config))) return "other";
      return status === "running" || status === "pending" ? "active" : "idle";
    },

    runJrpc: async ({ host, method, params, headers }, timeoutMs, context) => {
      const message = {
        host,
        method,
        headers: headers.map(([name, value]) => ({ name, value })),
        timeoutMs: within32Bits(timeoutMs),
        ...(params === undefined ? {} : { params }),
      };
      const call = once(within32Bits(timeoutMs) + httpMargin);
      return http(await ask("run_jrpc", context, (options) => link.babel.runJrpc(message, options), call));
    },
    runRest: async ({ url, method, body, headers }, timeoutMs, context) => {
      const message = {
        url,
        method,
        headers: headers.map(([name, value]) => ({ name, value })),
        timeoutMs: within32Bits(timeoutMs),
        ...(body === undefined ? {} : { body: new TextEncoder().encode(body) }),
      };
      const call = once(within32Bits(timeoutMs) + httpMargin);
      return http(await ask("run_rest", context, (options) => link.babel.runRest(message, options), call));
    },
    runSh: async (body, { timeoutMs, env = {}, stdin = "", user = "" }, context) => {
      // The agent ends the script in time and says what it had printed; the call itself ends a little later.
      const call = once(within32Bits(timeoutMs) + runShMargin);
      const input = new TextEncoder().encode(stdin);
      const request = { body, timeoutMs: within32Bits(timeoutMs), env: { ...env }, stdin: input, user };
      const { exitCode, stdout, stderr, stdoutTruncated, stderrTruncated } = await ask(
        "run_sh",
        context,
        (options) => link.babel.runSh(request, options),
        call,
      );
      return { exitCode, stdout, stderr, truncated: stdoutTruncated || stderrTruncated };
    },
    renderTemplate: async (template, destination, params, mode, context) => {
      await rendered({ template, destination, params, ...bits(mode) }, context);
    },
    wouldRender: (template, destination, params, mode, context) =>
      rendered({ template, destination, params, ...bits(mode), onlyCompare: true }, context),
    fileRead: (path, context) => ask("file_read", context, (options) => readFileOf(link, path, options)),
    fileWrite: async (path, content, mode, context) => {
      await ask("file_write", context, (options) => link.babel.writeFile(fileParts(path, content, mode), options));
    },

    nodeParams: async () => parts.env().properties,
    nodeEnv: async () => parts.env(),

    saveData: (text, slot) => data.save(slot, text),
    loadData: (slot) => data.load(slot),
    swapData: (slot, expected, text) => data.swap(slot, expected, text),
    saveConfig: async (config, digest) => {
      const text = savedConfigText(config, digest);
      const before = await readOptional(parts.pluginConfigPath);
      if (before === text) return;
      // For whoever wants to know what changed (spec plugin-api §8).
      if (before !== undefined) await writeDurable(beside(parts.pluginConfigPath, "previous"), before);
      const applied = beside(parts.pluginConfigPath, "applied");
      // Of a node that was initialized by an earlier version.
      if (before !== undefined && (await readOptional(applied)) === undefined) await writeDurable(applied, before);
      await writeDurable(parts.pluginConfigPath, text);
    },
    loadConfig: () => readPluginConfig(parts.pluginConfigPath),
    saveApplied: async (config, digest) => {
      const path = beside(parts.pluginConfigPath, "applied");
      const text = savedConfigText(config, digest);
      if ((await readOptional(path)) !== text) await writeDurable(path, text);
    },
    loadApplied: async () =>
      (await readPluginConfig(beside(parts.pluginConfigPath, "applied"))) ??
      (await readPluginConfig(parts.pluginConfigPath)),

    addTask: (name, schedule, fn, param, policy) => parts.tasks.add({ name, schedule, function: fn, param, ...policy }),
    deleteTask: (name) => parts.tasks.delete(name),

    protocolDataStamp: async (context) => {
      // Dev nodes count as initialised: no download over an engineer's data (spec nib-and-images §7.2).
      if (parts.devMode) return new Date(0);
      const { stamp, incomplete } = await ask("protocol_data_stamp", context, (options) =>
        link.babel.getProtocolDataState({}, options),
      );
      // Data that was used and is being filled again has to be completed first. (D2-16)
      return incomplete ? undefined : dateOf(stamp);
    },
    hasProtocolArchive: (storeKey, context) => hasArchive(storeKey, context.signal),
    hasServiceData: async (dataDir, context) => {
      const { incomplete } = await ask("protocol_data_state", context, (options) =>
        link.babel.getProtocolDataState({}, options),
      );
      // A download was cut: whoever goes on with it knows which services are complete.
      if (incomplete) return false;
      const path = `${parts.env().protocol_data_path}/${dataDir}`;
      const body = `[ -d "$BV_DIR" ] && [ -n "$(ls -A "$BV_DIR" 2>/dev/null)" ]`;
      const { exitCode } = await ask("run_sh", context, (options) =>
        link.babel.runSh({ body, env: { BV_DIR: path } }, options),
      );
      return exitCode === 0;
    },

    getSecret: (name, context) => parts.secrets.get(name, context.signal),
    putSecret: (name, value, context) => parts.secrets.put(name, value, context.signal),

    log: async (level, message) => parts.log(level, message),
  };
}

const bits = (mode: number | undefined): { readonly mode?: number } => (mode === undefined ? {} : { mode });

/** Milliseconds in babel's words, for which 0 means no limit; the greatest is that of timers. */
const within32Bits = (timeoutMs: number): number => Math.min(Math.max(Math.round(timeoutMs), 1), 2 ** 31 - 1);

/** Scripts and requests are not repeatable as a rule, so an answer that was lost is the plugin's to handle. */
const once = (timeoutMs: number): AgentCall => ({ timeoutMs, retry: "undelivered" });

async function* fileParts(path: string, content: Uint8Array, mode: number | undefined) {
  yield { part: { case: "header" as const, value: { path, ...(mode === undefined ? {} : { mode }) } } };
  const piece = 256 * 1024;
  for (let at = 0; at < content.length; at += piece) {
    yield { part: { case: "content" as const, value: content.subarray(at, at + piece) } };
  }
  yield { part: { case: "sha256" as const, value: createHash("sha256").update(content).digest() } };
}

function http({ statusCode, body }: { readonly statusCode: number; readonly body: string }): HttpResponse {
  return { statusCode, body };
}

/** `previous`: the config that was evaluated before the last one; `applied`: the one that jobs were defined by. */
const beside = (path: string, which: "previous" | "applied"): string => path.replace(/\.json$/, `.${which}.json`);

async function readOptional(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
}

/** What a script's config was at its last evaluation; an unreadable file counts as none (spec host-daemon §1.9). */
export async function readPluginConfig(path: string): Promise<SavedConfig | undefined> {
  const text = await readOptional(path);
  return text === undefined ? undefined : parseSavedConfig(text);
}
