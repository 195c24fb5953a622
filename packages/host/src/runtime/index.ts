export { createApptainerRuntime } from "./apptainer-runtime.ts";
export type {
  BindMount,
  CallOptions,
  ContainerRuntime,
  ContainerSpec,
  ContainerState,
  ExecSpec,
  HostCommand,
  InteractiveSpec,
  Ramdisk,
  RuntimeProbe,
} from "./container-runtime.ts";
export { hostNameOf } from "./host-files.ts";
export { createOciRuntime, type OciRuntimeOptions } from "./oci-runtime.ts";
export { bootId, identifyProcess, isAlive, type ProcessIdentity, signalProcess } from "./process-identity.ts";
export { selectRuntime } from "./select-runtime.ts";
export type { RuntimeOptions } from "./supervised-runtime.ts";
