import { createApptainerRuntime } from "./apptainer-runtime.ts";
import { createContainerRecords } from "./container-record.ts";
import type { ContainerRuntime } from "./container-runtime.ts";
import { createExitWatch } from "./exit-watch.ts";
import { createOciRuntime } from "./oci-runtime.ts";
import type { RuntimeOptions } from "./supervised-runtime.ts";

export type RuntimeChoice = "auto" | ContainerRuntime["kind"];

/**
 * The runtime of this host. `auto`: Apptainer where it is installed and works, else OCI. Whether the choice works tells `probe`.
 * A container that exists stays with the runtime that made it, whatever is chosen now: `container.json` says which. The next
 * `create` moves it over, or to the one that the specification wants.
 */
export async function selectRuntime(
  choice: RuntimeChoice,
  options: Omit<RuntimeOptions, "records"> & { readonly apptainerArgs?: readonly string[] },
): Promise<ContainerRuntime> {
  const { apptainerArgs: extraArgs = [], exits = createExitWatch(), ...rest } = options;
  const records = createContainerRecords(options.nodeDirectory);
  const common = { ...rest, records, exits };
  const runtimes = { oci: createOciRuntime(common), apptainer: createApptainerRuntime({ ...common, extraArgs }) };
  const chosen = runtimes[choice === "auto" ? await works(runtimes.apptainer) : choice];
  const maker = async (nodeId: string) => runtimes[(await records.find(nodeId))?.kind ?? chosen.kind];
  return {
    kind: chosen.kind,
    kindOf: async (nodeId) => (await maker(nodeId)).kind,
    probe: () => chosen.probe(),
    withoutUserNamespaces: (kind = chosen.kind) => runtimes[kind].withoutUserNamespaces(),
    async create(spec) {
      const [earlier, next] = [await maker(spec.nodeId), runtimes[spec.runtime ?? chosen.kind]];
      if (earlier !== next && (await earlier.state(spec.nodeId)).kind !== "running") await earlier.delete(spec.nodeId);
      await next.create(spec);
    },
    start: async (nodeId, call) => (await maker(nodeId)).start(nodeId, call),
    exec: async (nodeId, command, call) => (await maker(nodeId)).exec(nodeId, command, call),
    execInteractive: async (nodeId, command, call) => (await maker(nodeId)).execInteractive(nodeId, command, call),
    stop: async (nodeId, call) => (await maker(nodeId)).stop(nodeId, call),
    kill: async (nodeId, call) => (await maker(nodeId)).kill(nodeId, call),
    state: async (nodeId) => (await maker(nodeId)).state(nodeId),
    attach: async (nodeId) => (await maker(nodeId)).attach(nodeId),
    ended: async (nodeId) => (await maker(nodeId)).ended(nodeId),
    usage: async (nodeId) => (await maker(nodeId)).usage(nodeId),
    delete: async (nodeId, call) => (await maker(nodeId)).delete(nodeId, call),
  };
}

async function works(apptainer: ContainerRuntime): Promise<ContainerRuntime["kind"]> {
  return (await apptainer.probe()).usable ? "apptainer" : "oci";
}
