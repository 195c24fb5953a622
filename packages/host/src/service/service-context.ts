import type { ConditionSchema } from "@blockvisor/wire/blockvisor/host/v1/host";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ArchiveOperations } from "../archive/archive-operations.ts";
import type { ConfigChange } from "../config/live-config.ts";
import type { NodeHost } from "../node/node-host.ts";
import type { NodeTable } from "../node/node-table.ts";
import type { ControlPlane } from "./control-plane.ts";
import type { DaemonStatus } from "./daemon-status.ts";

/** What the service serves from. */
export interface ServiceContext {
  readonly host: NodeHost;
  readonly nodes: NodeTable;
  readonly status: DaemonStatus;
  readonly version: string;
  readonly startedAt: Date;
  /** Error `config_error`. */
  readonly reload: () => Promise<ConfigChange>;
  /** Undefined in dev mode. */
  readonly cloud: ControlPlane | undefined;
  /** As `cloud`; throws without one. */
  readonly requireCloud: () => ControlPlane;
  readonly archives: ArchiveOperations;
  /** Aborted when the daemon begins to end. */
  readonly ending: AbortSignal;
  readonly conditions: () => MessageInitShape<typeof ConditionSchema>[];
}
