export type { ContainerRuntime, ContainerSpec, ExecSpec, RuntimeProbe } from "./container-runtime.ts";
export { createOciRuntime } from "./oci-runtime.ts";
export { identifyProcess, isAlive, signalProcess } from "./process-identity.ts";
export { selectRuntime } from "./select-runtime.ts";
