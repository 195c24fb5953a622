import {
  ProtocolServiceListProtocolsRequestSchema,
  ProtocolServiceListProtocolsResponseSchema,
} from "@blockvisor/wire/blockjoy/v1/protocol";
import { create, fromJson, toJson } from "@bufbuild/protobuf";
import { Api } from "../../cloud/api.ts";
import { asHost } from "../../cloud/host-login.ts";
import { type AskForProtocols, askApi, listProtocols } from "../../cloud/protocol-list.ts";
import type { Call } from "../../command/verb.ts";
import { DaemonClient } from "../../daemon/client.ts";
import type { ListOptions } from "./verbs.ts";

/** `bv protocol list` (host-daemon §2.2), as this host; who may not read its login asks the daemon (DB-2.12). */
export async function protocolList({ out, options }: Call<ListOptions, []>): Promise<void> {
  const login = await asHost(out);
  if (login === undefined) return listProtocols(out, askDaemon(new DaemonClient(out)), options);
  using api = new Api(out, login.url, login.token);
  await listProtocols(out, askApi(api), options);
}

function askDaemon(daemon: DaemonClient): AskForProtocols {
  return async (request) => {
    const asked = create(ProtocolServiceListProtocolsRequestSchema, request);
    const answer = await daemon.call("ListProtocols", toJson(ProtocolServiceListProtocolsRequestSchema, asked), {
      timeoutMs: 60_000,
    });
    return fromJson(ProtocolServiceListProtocolsResponseSchema, answer);
  };
}
