import type { VariantPush } from "@blockvisor/image";
import { compareVersions, nextPatch } from "@blockvisor/image/version";
import type { Image } from "@blockvisor/wire/blockjoy/v1/image";
import type { ProtocolVersion } from "@blockvisor/wire/blockjoy/v1/protocol";
import type { Api } from "../../../cloud/api.ts";
import { visibilityWord } from "../../../cloud/visibility.ts";
import { Failure } from "../../../failure/failure.ts";
import { type Change, changes } from "../../change.ts";
import { fieldsOfApi, fieldsOfPush } from "./image-fields.ts";

type Action = "added" | "updated" | "unchanged";

/** What a push of one variant will do, found out by reading only. */
export interface VariantPlan {
  readonly push: VariantPush;
  readonly versionAction: Action;
  /** Undefined: the version is new. */
  readonly version: ProtocolVersion | undefined;
  readonly imageAction: Action;
  /** The latest build of the version; undefined: there is none. */
  readonly image: Image | undefined;
  /** The build that will be there afterwards, as far as the API lets us see. */
  readonly build: bigint;
  readonly diff: readonly Change[];
}

interface PlanOptions {
  readonly allowDowngrade: boolean;
  /** Compared only when it was asked for; otherwise every update of nib would be a change. */
  readonly minBabelVersion: string | undefined;
}

export async function planVariant(api: Api, push: VariantPush, options: PlanOptions): Promise<VariantPlan> {
  const { protocolKey, variantKey, orgId } = push;
  const key = { versionKey: { protocolKey, variantKey }, ...(orgId !== null && { orgId }) };
  const latest = await api.find("ProtocolService/GetLatest", () => api.protocols.getLatest(key));
  const version = await existingVersion(api, push, latest?.protocolVersion, options);
  const versionDiff = version ? versionChanges(version, push) : [];
  const found = version
    ? await api.find("ImageService/GetImage", () => api.images.getImage({ ...key, semanticVersion: push.version }))
    : undefined;
  const image = found?.image;
  const imageDiff = image ? await imageChanges(api, image, push, options) : [];
  const sameVisibility = image && visibilityWord(image.visibility) === push.visibility;
  const visibility =
    image && !sameVisibility ? changes(visibilityWord(image.visibility), push.visibility, "visibility") : [];
  const build = image?.buildVersion ?? 0n;
  return {
    push,
    version,
    versionAction: !version ? "added" : versionDiff.length > 0 ? "updated" : "unchanged",
    image,
    imageAction: !image || imageDiff.length > 0 ? "added" : visibility.length > 0 ? "updated" : "unchanged",
    build: !image || imageDiff.length > 0 ? build + 1n : build,
    diff: [
      ...versionDiff,
      ...imageDiff,
      ...visibility.filter((one) => !versionDiff.some(({ path }) => path === one.path)),
    ],
  };
}

/** The version of the file when it exists, the latest or not. Errors: lower than the latest, differs by letter case only. */
async function existingVersion(
  api: Api,
  push: VariantPush,
  latest: ProtocolVersion | undefined,
  options: PlanOptions,
): Promise<ProtocolVersion | undefined> {
  if (!latest || latest.semanticVersion === push.version) return latest;
  const { protocolKey, variantKey, orgId } = push;
  const { protocolVersions } = await api.call("ProtocolService/ListVersions", () =>
    api.protocols.listVersions({ versionKey: { protocolKey, variantKey }, ...(orgId !== null && { orgId }) }),
  );
  const same = protocolVersions.find(({ semanticVersion }) => semanticVersion === push.version);
  if (compareVersions(push.version, latest.semanticVersion) < 0 && !options.allowDowngrade) {
    throw new Failure(
      "api-conflict",
      `${variantKey}: version ${push.version} is lower than the latest, ${latest.semanticVersion}`,
      {
        hint: `raise 'version' to ${nextPatch(latest.semanticVersion)}, or push the old one with --allow-downgrade`,
      },
    );
  }
  return same;
}

function versionChanges(version: ProtocolVersion, push: VariantPush): readonly Change[] {
  const metadata = changes(
    version.metadata.map(({ metadataKey: key, value, description }) => ({
      key,
      value,
      description: description ?? null,
    })),
    push.metadata,
    "metadata",
  );
  if (metadata.length > 0) {
    const lines = metadata.map(({ path, from, to }) => `${path}: ${JSON.stringify(from)} → ${JSON.stringify(to)}`);
    throw new Failure(
      "version-metadata",
      `${push.variantKey}: metadata of version ${push.version} cannot be changed any more`,
      {
        excerpt: lines.join("\n"),
        hint: `raise 'version' to ${nextPatch(push.version)}`,
      },
    );
  }
  const current = {
    visibility: visibilityWord(version.visibility),
    description: version.description ?? null,
    sku_code: version.skuCode,
  };
  // An absent description cannot clear the stored one, so it is no change.
  const description = push.description ?? current.description;
  return changes(current, { visibility: push.visibility, description, sku_code: push.skuCode });
}

async function imageChanges(
  api: Api,
  image: Image,
  push: VariantPush,
  options: PlanOptions,
): Promise<readonly Change[]> {
  const { archives } = await api.call("ImageService/ListArchives", () =>
    api.images.listArchives({ imageId: image.imageId, ...(push.orgId !== null && { orgId: push.orgId }) }),
  );
  const { minBabelVersion = image.minBabelVersion } = options;
  const from = { ...fieldsOfApi(image, archives, push.variantKey), min_babel_version: image.minBabelVersion };
  const to = { ...fieldsOfPush(push), min_babel_version: minBabelVersion };
  // The owner and the description of an image are those of its version where the file names none.
  const inherited = { org_id: to.org_id ?? from.org_id, description: to.description ?? from.description };
  return changes(from, { ...to, ...inherited });
}
