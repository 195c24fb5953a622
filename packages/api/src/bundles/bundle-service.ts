import { parseVersion } from "@blockvisor/image/version";
import type { BundleService } from "@blockvisor/wire/blockjoy/v1/bundle";
import type { ServiceImpl } from "@connectrpc/connect";
import type { Platform } from "../platform.ts";
import { invalidArgument, notFound } from "../rpc-error.ts";

/** Spec §2.12, with the existence check of CA-7.4. */
export function bundleService(platform: Platform, publicUrl: () => string): ServiceImpl<typeof BundleService> {
  return {
    async listVersions() {
      return { bundleIds: (await platform.bundles.versions()).map((version) => ({ version })) };
    },
    async retrieve({ bundleId }) {
      if (bundleId === undefined || parseVersion(bundleId.version) === undefined) throw invalidArgument("bundle_id");
      if (!(await platform.bundles.has(bundleId.version))) throw notFound("Bundle");
      return { url: `${publicUrl()}${platform.bundles.pathOf(bundleId.version)}` };
    },
  };
}
