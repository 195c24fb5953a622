import { machineFacts } from "@blockvisor/image/machine";
import { HostFactsService } from "@blockvisor/wire/blockvisor/hosts/v1/facts";
import { Code } from "@connectrpc/connect";
import { Api, ApiFailure } from "../../../cloud/api.ts";
import { asHost } from "../../../cloud/host-login.ts";
import type { Call } from "../../../command/verb.ts";
import { DaemonClient } from "../../../daemon/client.ts";
import type { Output } from "../../../output/output.ts";
import { thisMachine } from "../../../place/machine.ts";
import { stateDirectory } from "../../../place/root.ts";
import { suiteVersion } from "../../../version.ts";

/** `bv host update` (host-daemon §2.2, §10.1): what the daemon reports at its start and once a day, now; who may not read the host's login asks the daemon (DB-2.12). */
export async function hostUpdate({ out }: Call<object, []>): Promise<void> {
  const login = await asHost(out);
  if (login === undefined) {
    const { hostId = "" } = await new DaemonClient(out).call("ReportHost", {}, { timeoutMs: 60_000 });
    return told(out, hostId);
  }
  const { url, token, hostId } = login;
  using api = new Api(out, url, token);
  const machine = thisMachine(stateDirectory());
  await api.call("HostService/UpdateHost", () =>
    api.hosts.updateHost({
      hostId,
      networkName: machine.hostname,
      bvVersion: suiteVersion,
      os: machine.os,
      osVersion: machine.osVersion,
      cpuCores: BigInt(machine.cpuCount),
      memoryBytes: BigInt(machine.memoryBytes),
      diskBytes: BigInt(machine.diskBytes),
    }),
  );
  await reportFacts(api, hostId);
  told(out, hostId);
}

/** What the contract has no fields for (DB-10.7); a control plane without a place for it, as the reference's, is told nothing. */
async function reportFacts(api: Api, hostId: string): Promise<void> {
  const { kernel, runtimes, gpus } = await machineFacts();
  const facts = { kernel, runtimes: [...runtimes], gpus: [...gpus] };
  try {
    await api.call("HostFactsService/ReportFacts", () => api.client(HostFactsService).reportFacts({ hostId, facts }));
  } catch (error) {
    if (!(error instanceof ApiFailure) || error.code !== Code.Unimplemented) throw error;
  }
}

function told(out: Output, hostId: string): void {
  out.line("Host info update sent");
  out.document({ host_id: hostId, updated: true });
}
