import type { Engine } from "@blockvisor/rhai";

/** Where bindings are registered: an engine, or something that only wants to know what there is. */
export type BindingTarget = Pick<Engine, "registerFn" | "registerType">;
