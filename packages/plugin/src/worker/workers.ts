import type { Plugin, PluginFiles } from "../plugin.ts";

export interface PluginWorkersOptions {
  /** Most worker threads at a time; further calls wait in line. Default: number of CPUs, at least 2. */
  readonly size?: number;
  /** The worker's script; default: the one beside this module, in source or bundled form. */
  readonly entry?: URL;
}

/** Threads that run plugin scripts, shared by all nodes of a host. One call occupies one thread; a hung one is terminated and replaced. */
export interface PluginWorkers extends AsyncDisposable {
  /** Compiles every file. Rejects with `PluginError` `PLUGIN_SYNTAX` that carries all findings. */
  load(files: PluginFiles): Promise<Plugin>;
  /** Ends all threads; calls under way reject with `PLUGIN_ABORTED`. */
  close(): Promise<void>;
}
