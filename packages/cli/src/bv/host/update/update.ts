import { Api } from "../../../cloud/api.ts";
import { hostLogin } from "../../../cloud/host-login.ts";
import type { Call } from "../../../command/verb.ts";
import { thisMachine } from "../../../place/machine.ts";
import { stateDirectory } from "../../../place/root.ts";
import { suiteVersion } from "../../../version.ts";

/** `bv host update` (host-daemon §2.2, §10.1): what the daemon reports at its start and once a day, now. */
export async function hostUpdate({ out }: Call<object, []>): Promise<void> {
  const { url, token, hostId } = await hostLogin(out);
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
  out.line("Host info update sent");
  out.document({ host_id: hostId, updated: true });
}
