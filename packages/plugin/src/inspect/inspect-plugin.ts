import { type PlainConfig, plainConfig } from "../config/saved.ts";
import type { JobConfig } from "../engine/job.ts";
import { StubEngine } from "../engine/stub-engine.ts";
import type { PluginFiles } from "../plugin.ts";
import { PluginWorkers } from "../worker/workers.ts";
import { secretKeys } from "./secret-keys.ts";
import { type StubTarget, stubNode } from "./stub-target.ts";

export interface InspectRequest extends StubTarget {
  readonly files: PluginFiles;
  /** Processes to use; default: one of its own, ended before it returns. */
  readonly workers?: PluginWorkers;
}

/** What `nib image inspect` prints; with `--format json` all but the secrets. */
export interface Inspection {
  /** As the reference would deserialise it; null when the script has no `plugin_config()`. */
  readonly plugin_config: PlainConfig | null;
  /** Every job that init creates on a fresh node with an archive available, in order. */
  readonly jobs: readonly ({ readonly name: string } & JobConfig)[];
  /** Names of all functions of `main.rhai`, in its order. */
  readonly functions: readonly string[];
  readonly capabilities: readonly string[];
  /** Keys of the secrets that it needs, as far as that can be told. */
  readonly secrets: readonly string[];
}

/** What a plugin is for one variant, without a node. Rejects with `PluginError`. */
export async function inspectPlugin(request: InspectRequest): Promise<Inspection> {
  const workers = request.workers ?? new PluginWorkers({ size: 1 });
  try {
    const plugin = await workers.load(request.files);
    const engine = new StubEngine(stubNode(request));
    await plugin.init(engine);
    return {
      plugin_config: engine.config ? plainConfig(engine.config) : null,
      jobs: engine.jobs.map(({ name, config }) => ({ name, ...config })),
      functions: [...new Set(plugin.functions.map((fn) => fn.name))],
      capabilities: plugin.capabilities,
      secrets: secretKeys(request.files, engine.secretsAsked),
    };
  } finally {
    if (!request.workers) await workers.close();
  }
}
