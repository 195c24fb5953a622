import { Api } from "../../cloud/api.ts";
import { hostLogin } from "../../cloud/host-login.ts";
import { listProtocols } from "../../cloud/protocol-list.ts";
import type { Call } from "../../command/verb.ts";
import type { ListOptions } from "./verbs.ts";

/** `bv protocol list` (host-daemon §2.2), as this host. */
export async function protocolList({ out, options }: Call<ListOptions, []>): Promise<void> {
  const { url, token } = await hostLogin(out);
  using api = new Api(out, url, token);
  await listProtocols(out, api, options.number, options.name);
}
