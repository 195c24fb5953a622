import type { ArchiveService } from "@blockvisor/wire/blockjoy/v1/archive";
import type { ServiceImpl } from "@connectrpc/connect";
import { notFound } from "../rpc-error.ts";

/**
 * Protocol data archives. Nothing can be uploaded to this version, so no archive has data: hosts ask before every first start of a node and
 * go on with what the plugin says for that case (plugin-api §4.2). The methods that move data answer UNIMPLEMENTED.
 */
export const archiveService: Partial<ServiceImpl<typeof ArchiveService>> = {
  getDownloadMetadata() {
    throw notFound("Archive");
  },
  getDownloadMetadataByStoreKey() {
    throw notFound("Archive");
  },
};
