export type { ContainerRuntime, ContainerSpec, ExecSpec, RuntimeProbe } from "./container-runtime.ts";
export { identifyProcess, isAlive, signalProcess } from "./process-identity.ts";
export { type RuntimeChoice, selectRuntime } from "./select-runtime.ts";
