/** A rule of `plugin_config` that is broken. */
export interface ConfigProblem {
  /** Code of the diagnostic, `NIB5xx`. */
  readonly code: string;
  /** `error`: the config is refused. `lint`: it works, but not as meant; an error only for the linter. */
  readonly level: "error" | "lint" | "warning";
  /** `services[1].name`. */
  readonly path: string;
  readonly message: string;
  readonly help?: string;
}
