import { OperationError } from "@blockvisor/image/container";
import { createApptainerRuntime } from "./apptainer-runtime.ts";
import type { ContainerRuntime } from "./container-runtime.ts";
import { createOciRuntime } from "./oci-runtime.ts";
import type { RuntimeOptions } from "./supervised-runtime.ts";

/**
 * The runtime of this host. `auto`: Apptainer where it is installed and works, else OCI. Error: why none works, and the fix.
 * A node that exists stays with the runtime that made it; `container.json` says which.
 */
export async function selectRuntime(
  choice: "auto" | ContainerRuntime["kind"],
  options: RuntimeOptions & { readonly apptainerArgs?: readonly string[] },
): Promise<ContainerRuntime> {
  const { apptainerArgs: extraArgs = [], ...common } = options;
  const candidates = {
    apptainer: () => createApptainerRuntime({ ...common, extraArgs }),
    oci: () => createOciRuntime(common),
  };
  const order = choice === "auto" ? (["apptainer", "oci"] as const) : ([choice] as const);
  const failures: OperationError[] = [];
  for (const kind of order) {
    const runtime = candidates[kind]();
    const probe = await runtime.probe();
    if (probe.usable) return runtime;
    failures.push(
      new OperationError(probe.code, `the ${kind} runtime cannot be used: ${probe.reason}`, { fix: probe.fix }),
    );
  }
  // The last is the one that is easiest to install.
  throw failures.at(-1)!;
}
