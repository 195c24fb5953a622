export { childrenOf } from "./child-processes.ts";
export { type ContainerEnd, endText } from "./container-end.ts";
export type { ContainerRuntime, ContainerSpec, ExecSpec, RuntimeProbe, TerminalSize } from "./container-runtime.ts";
export { createExitWatch, type ExitWatch } from "./exit-watch.ts";
export type { InteractiveProcess } from "./interactive-process.ts";
export { isolationOf } from "./isolation.ts";
export { tryLowPorts } from "./own-ids.ts";
export { identifyProcess, isAlive, type ProcessIdentity, signalProcess } from "./process-identity.ts";
export { type RuntimeChoice, selectRuntime } from "./select-runtime.ts";
