import type {
  ProtocolServiceListProtocolsRequest,
  ProtocolServiceListProtocolsResponse,
} from "@blockvisor/wire/blockjoy/v1/protocol";
import type {
  ArchiveStoreService,
  ListArchivesRequest,
  ListArchivesResponse,
} from "@blockvisor/wire/blockvisor/archive/v1/archive";
import type { CreateNodeRequest, NodeSchema } from "@blockvisor/wire/blockvisor/host/v1/host";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Client } from "@connectrpc/connect";

export type NodeMessage = MessageInitShape<typeof NodeSchema>;

/** What the daemon asks of the API on behalf of `bv`; the effects arrive as commands. Errors: `api_unreachable` and the API's own. */
export interface ControlPlane {
  createNode(request: CreateNodeRequest): Promise<NodeMessage>;
  startNode(id: string): Promise<void>;
  stopNode(id: string): Promise<void>;
  restartNode(id: string): Promise<void>;
  deleteNode(id: string): Promise<void>;
  /** @returns the id of the image if the node has it already, or is about to be started with it */
  upgradeNode(id: string, version: string | undefined, build: bigint | undefined): Promise<string | undefined>;
  /** Something is done with one of its nodes without it: it is told when it can be. Never rejects. */
  emergency(id: string, action: string): Promise<void>;
  /** Nodes that the API has for this host. */
  listNodes(): Promise<readonly NodeMessage[]>;
  listProtocols(request: ProtocolServiceListProtocolsRequest): Promise<ProtocolServiceListProtocolsResponse>;
  listArchives(request: ListArchivesRequest): Promise<ListArchivesResponse>;
  /** As the host itself, once: whoever asks repeats what may be repeated. */
  readonly archiveStore: Client<typeof ArchiveStoreService>;
  /** Tells it about this machine, now. */
  reportHost(): Promise<void>;
}
