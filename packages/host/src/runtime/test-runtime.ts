import { join } from "node:path";
import { createApptainerRuntime } from "./apptainer-runtime.ts";
import type { ContainerRuntime } from "./container-runtime.ts";
import { createOciRuntime } from "./oci-runtime.ts";

/** The adapter a contract test asks for, with everything it keeps below one folder. */
export function createTestRuntime(kind: ContainerRuntime["kind"], directory: string): ContainerRuntime {
  const create = kind === "oci" ? createOciRuntime : createApptainerRuntime;
  return create({
    runDirectory: join(directory, "run"),
    nodeDirectory: (nodeId) => join(directory, "nodes", nodeId),
  });
}
