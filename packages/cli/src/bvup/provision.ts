import { Api } from "../cloud/api.ts";
import { checkedApiUrl } from "../cloud/api-url.ts";
import { defaultApiUrl } from "../cloud/default-url.ts";
import type { Call } from "../command/verb.ts";
import { DaemonClient } from "../daemon/client.ts";
import { Failure } from "../failure/failure.ts";
import type { Output } from "../output/output.ts";
import { ask, confirm } from "../output/question.ts";
import { gigabytes } from "../output/size.ts";
import { type Machine, thisMachine } from "../place/machine.ts";
import { hostConfigPath, stateDirectory } from "../place/root.ts";
import { chooseNetwork, type HostNetwork } from "./network/choose.ts";
import { allowForwarding } from "./network/forwarding.ts";
import type { BvupOptions } from "./options.ts";
import { refuseSecondRegistration, requireWritableConfig, writeConfig } from "./registration/config-file.ts";
import { registerHost } from "./registration/register.ts";

/** `bvup` (host-daemon §8.2). */
export async function provision({ out, args, options }: Call<BvupOptions, [token?: string]>): Promise<void> {
  const [token] = args;
  if (options.skipInit && token !== undefined) throw new Failure("usage", "--skip-init takes no token");
  if (options.skipInit && options.skipDownload)
    throw new Failure("usage", "--skip-init and --skip-download leave nothing to do");
  if (!options.skipInit) {
    if (token === undefined) {
      throw new Failure("usage", "the provision token is missing", {
        hint: "bvup TOKEN: your organisation's settings show it",
      });
    }
    if (!(await initialise(out, token, options))) return;
  }
  if (!options.skipDownload) await (await import("./download/install.ts")).installBundle(out);
}

/** Registers the machine; false when the user did not want it in the end. */
async function initialise(out: Output, token: string, options: BvupOptions): Promise<boolean> {
  await refuseWhileRunning(out);
  refuseSecondRegistration(options.force ?? false);
  requireWritableConfig();
  const question = questions(options.yes ?? false);
  const api = checkedApiUrl(await question("API url", options.api ?? defaultApiUrl), options.insecure);
  const region = await question("Host region", options.region ?? "");
  if (region === "") throw new Failure("usage", "region can't be empty", { hint: "name it with --region" });
  const network = await chooseNetwork(options, question);
  const machine = thisMachine(stateDirectory());
  printSummary(out, api, region, machine, network);
  if (!options.yes && !(await confirm("Register the host with this configuration?"))) return false;
  if (!options.useHostNetwork) allowForwarding(out);
  using client = new Api(out, api);
  const request = { token, region, isPrivate: options.private ?? false, tags: options.tag ?? [] };
  const registration = await registerHost(client, machine, network, request);
  writeConfig(registration, network, api, machine.hostname, options);
  out.line(`Registered this machine as host \`${registration.hostId}\`; the configuration is in ${hostConfigPath()}`);
  if (options.skipDownload) out.line("Start the daemon with `bv start` (or run `blockvisord` in the foreground)");
  out.document({ host_id: registration.hostId, config: hostConfigPath(), api_url: api, region, network });
  return true;
}

async function refuseWhileRunning(out: Output): Promise<void> {
  try {
    await new DaemonClient(out).call("GetInfo", {});
  } catch (error) {
    if (error instanceof Failure && error.kind === "daemon-unreachable") return;
    throw error;
  }
  throw new Failure(
    "already-registered",
    "Can't provision and init blockvisor configuration, while it is running, `bv stop` first.",
  );
}

/** Return takes the proposal; without a terminal, or with --yes, the proposal is taken unasked. */
function questions(yes: boolean): (label: string, proposal: string) => Promise<string> {
  if (yes || !process.stdin.isTTY) return async (_label, proposal) => proposal;
  return async (label, proposal) => {
    const shown = proposal.length > 60 ? `${proposal.slice(0, 57)}…` : proposal;
    return (await ask(`${label} [${shown}]: `)).trim() || proposal;
  };
}

function printSummary(out: Output, api: string, region: string, machine: Machine, network: HostNetwork): void {
  const { availableIps } = network;
  const range =
    availableIps.length > 1 ? `${availableIps[0]} … ${availableIps.at(-1)} (${availableIps.length})` : availableIps[0];
  const fields: readonly (readonly [string, string])[] = [
    ["Hostname", machine.hostname],
    ["API url", api],
    ["Region", region],
    ["OS", machine.os],
    ["OS version", machine.osVersion],
    ["Bridge interface", network.iface],
    ["Gateway IP address", network.gatewayIp],
    ["Host IP address", network.hostIp],
    ["Subnet prefix", String(network.prefix)],
    ["Available node IPs", range ?? "none"],
    ...(network.ipv6 ? [["Version 6", `${network.ipv6.availableIps} by ${network.ipv6.gatewayIp}`] as const] : []),
    ["CPU count", String(machine.cpuCount)],
    ["Total mem", gigabytes(machine.memoryBytes)],
    ["Total disk", gigabytes(machine.diskBytes)],
  ];
  for (const [label, value] of fields) out.line(`  ${`${label}:`.padEnd(21)}${value}`);
}
