/** A module text that a resolver found. `id` names it uniquely (cache key, cycle detection). */
export interface ResolvedModule {
  readonly id: string;
  readonly text: string;
}

/** Where `import` finds modules. Returns null when there is no such module. */
export interface ModuleResolver {
  resolve(path: string, importer: ImporterInfo): ResolvedModule | null;
}

export interface ImporterInfo {
  /** `id` of the importing module, or the source name of the main script; empty when it has none. */
  readonly id: string;
}
