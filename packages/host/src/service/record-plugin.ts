import { recordingText } from "@blockvisor/plugin/recording";
import type { FunctionCall } from "@blockvisor/wire/blockvisor/host/v1/host";
import { HostError } from "../errors/host-error.ts";
import type { NodeActor } from "../node/node-actor.ts";
import { knownDevSecrets } from "../secrets/dev-secrets.ts";

/** Nodes of others have secrets that nobody here knows; and what does not run answers nothing. */
export function requireRecordable(actor: NodeActor): void {
  const { state, status } = actor.snapshot();
  if (!state.dev_mode) {
    const hint = "`nib image play` makes a dev node of the image";
    throw new HostError("unsupported", "functions of dev nodes only are recorded", { hint });
  }
  if (status === "Running") return;
  throw new HostError("unavailable", "node connection is closed", { hint: "start the node" });
}

/** What the plugin asks of the node and is answered (spec plugin-api §9.2), as the text of a recording. */
export async function recordedPlugin(
  { parts }: NodeActor,
  also: readonly FunctionCall[],
  signal: AbortSignal,
): Promise<string> {
  const { properties, secret_properties: secretParams } = parts.state();
  const known = await knownDevSecrets(parts.host.paths.devSecrets, parts.paths.secrets);
  // It lies in the container, where scripts can read it.
  const own = parts.agent === undefined ? [] : [["babel", Buffer.from(parts.agent.secret)] as const];
  const recording = await parts.plugin.record({
    also: also.map(({ function: name, param }) => ({ name, param })),
    secrets: [...known, ...own],
    secretParams: secretParams ?? Object.keys(properties),
    signal,
  });
  return recordingText(recording);
}
