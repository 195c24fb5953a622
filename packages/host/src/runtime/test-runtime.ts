import { join } from "node:path";
import type { ContainerRuntime } from "./container-runtime.ts";
import { createOciRuntime } from "./oci-runtime.ts";

/** The adapter a contract test asks for, with everything it keeps below one folder. */
export function createTestRuntime(_kind: ContainerRuntime["kind"], directory: string): ContainerRuntime {
  return createOciRuntime({
    runDirectory: join(directory, "run"),
    nodeDirectory: (nodeId) => join(directory, "nodes", nodeId),
  });
}
