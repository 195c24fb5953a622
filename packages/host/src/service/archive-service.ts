import { BabelEngine } from "@blockvisor/wire/blockvisor/babel/v1/babel";
import { ArchiveToolEndSchema, type HostService, ServiceStatus } from "@blockvisor/wire/blockvisor/host/v1/host";
import { create } from "@bufbuild/protobuf";
import type { ConnectRouter, ServiceImpl } from "@connectrpc/connect";
import { type ArchiveCall, archiveCalls, hostAccess } from "../agent/engine-archive-store.ts";
import { archiveOrder } from "../archive/archive-order.ts";
import type { ArchiveToolEnd } from "../archive/archive-tool.ts";
import { HostError } from "../errors/host-error.ts";
import { toConnectError } from "./connect-error.ts";
import type { ServiceContext } from "./service-context.ts";

/** Archives, for those who may use the daemon's socket but not read the host's login (spec host-daemon DB-2.12). */
export function archiveService({
  nodes,
  archives,
  status,
  requireCloud,
}: ServiceContext): Pick<ServiceImpl<typeof HostService>, "listArchives" | "operateArchive"> {
  return {
    listArchives: (request) => requireCloud().listArchives(request),
    operateArchive: async function* (request, { signal }) {
      status.requireOk();
      // Who goes on where the daemon before us was killed comes as soon as we answer.
      if (status.current === ServiceStatus.STARTING) {
        throw new HostError("gate", "nodes are still being attached, try again later");
      }
      requireCloud();
      const order = archiveOrder(request);
      const actor = nodes.find(request.node, `${order.verb} the data of`);
      for await (const said of archives.operate(actor, order, signal)) {
        if (said.kind === "line") yield { output: { case: "line", value: said.line } };
        else yield { output: { case: "end", value: endMessage(said.end) } };
      }
    },
  };
}

const endMessage = ({ status, stderr }: ArchiveToolEnd) =>
  create(ArchiveToolEndSchema, { stderr, ...(status === null ? {} : { status }) });

/** What changes something at the control plane is in the log, as it is of other requests (spec host-daemon S1). */
const changing: ReadonlySet<ArchiveCall> = new Set(["putManifest", "releaseUpload"]);

/** Asked by the archive tool, which works on data of nodes for us, and on folders of whoever runs it: the socket says who that may be. */
export function archiveEngineRoutes(router: ConnectRouter, { host, requireCloud }: ServiceContext): void {
  const admit = (call: ArchiveCall) => {
    const heard = (storeKey: string): void => {
      if (changing.has(call)) host.log.info({ origin: "local", method: call, storeKey }, "request");
    };
    try {
      return hostAccess(requireCloud().archiveStore, heard);
    } catch (error) {
      throw toConnectError(error);
    }
  };
  router.service(
    BabelEngine,
    archiveCalls((_, call) => admit(call)),
  );
}
