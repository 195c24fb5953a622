import { join } from "node:path";
import { createApptainerRuntime } from "./apptainer-runtime.ts";
import type { ContainerRuntime } from "./container-runtime.ts";
import { createOciRuntime } from "./oci-runtime.ts";

/** The adapter a contract test asks for, with everything it keeps below one folder; `runc`: OCI with that tool. */
export function createTestRuntime(kind: ContainerRuntime["kind"] | "runc", directory: string): ContainerRuntime {
  const options = {
    runDirectory: join(directory, "run"),
    nodeDirectory: (nodeId: string) => join(directory, "nodes", nodeId),
  };
  if (kind === "apptainer") return createApptainerRuntime(options);
  return createOciRuntime({ ...options, ...(kind === "runc" ? { programs: [kind] } : {}) });
}
