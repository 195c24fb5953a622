import { Api } from "../../../cloud/api.ts";
import { readCredentials } from "../../../cloud/credentials.ts";
import { askApi, listProtocols } from "../../../cloud/protocol-list.ts";
import type { Call } from "../../../command/verb.ts";
import type { ListOptions } from "../verbs.ts";

/** `nib protocol list`. */
export async function protocolList({ out, options }: Call<ListOptions, []>): Promise<void> {
  const { token, url } = readCredentials(out);
  using api = new Api(out, url, token);
  await listProtocols(out, askApi(api), options);
}
