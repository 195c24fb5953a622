import type { VariantPush } from "@blockvisor/image";
import type { Api } from "../../../cloud/api.ts";
import { visibilityNumbers } from "../../../cloud/visibility.ts";
import { actions, directions, protocols, uiTypes } from "./image-fields.ts";
import type { VariantPlan } from "./plan.ts";

/** Does what a plan says (nib-and-images §6.2); gives the build that is there now. */
export async function carryOut(api: Api, plan: VariantPlan, minBabelVersion: string): Promise<bigint> {
  const visibility = visibilityNumbers[plan.push.visibility];
  const versionId = await provideVersion(api, plan);
  if (plan.imageAction === "unchanged") return plan.build;
  if (plan.imageAction === "added") {
    const request = addImageRequest(plan.push, versionId, minBabelVersion);
    const { image } = await api.once("ImageService/AddImage", () => api.images.addImage(request));
    const imageId = image?.imageId ?? "";
    await api.call("ImageService/UpdateImage", () => api.images.updateImage({ imageId, visibility }));
    return image?.buildVersion ?? plan.build;
  }
  const imageId = plan.image?.imageId ?? "";
  await api.call("ImageService/UpdateImage", () => api.images.updateImage({ imageId, visibility }));
  return plan.build;
}

async function provideVersion(api: Api, { push, version, versionAction }: VariantPlan): Promise<string> {
  const visibility = visibilityNumbers[push.visibility];
  const described = push.description === null ? {} : { description: push.description };
  if (version) {
    const { protocolVersionId } = version;
    if (versionAction === "updated") {
      const request = { protocolVersionId, skuCode: push.skuCode, ...described, visibility };
      await api.call("ProtocolService/UpdateVersion", () => api.protocols.updateVersion(request));
    }
    return protocolVersionId;
  }
  const request = {
    versionKey: { protocolKey: push.protocolKey, variantKey: push.variantKey },
    ...(push.orgId !== null && { orgId: push.orgId }),
    metadata: push.metadata.map(({ key, value, description }) => ({
      metadataKey: key,
      value,
      ...(description !== null && { description }),
    })),
    semanticVersion: push.version,
    skuCode: push.skuCode,
    ...described,
  };
  const added = await api.once("ProtocolService/AddVersion", () => api.protocols.addVersion(request));
  const protocolVersionId = added.version?.protocolVersionId ?? "";
  await api.call("ProtocolService/UpdateVersion", () => api.protocols.updateVersion({ protocolVersionId, visibility }));
  return protocolVersionId;
}

/** §6.3. Absent optional fields are left out, not sent empty. */
function addImageRequest(push: VariantPush, protocolVersionId: string, minBabelVersion: string) {
  const { image } = push;
  return {
    protocolVersionId,
    ...present({ orgId: push.orgId, description: push.description, dnsScheme: image.dnsScheme }),
    imageUri: image.imageUri,
    minCpuCores: image.minCpuCores,
    minMemoryBytes: image.minMemoryBytes,
    minDiskBytes: image.minDiskBytes,
    minBabelVersion,
    ramdisks: image.ramdisks.map(({ mount, sizeBytes }) => ({ mount, sizeBytes })),
    firewall: {
      defaultIn: actions[image.firewall.defaultIn],
      defaultOut: actions[image.firewall.defaultOut],
      rules: image.firewall.rules.map((rule) => ({
        key: rule.key,
        ...present({ description: rule.description }),
        protocol: protocols[rule.protocol],
        direction: directions[rule.direction],
        action: actions[rule.action],
        ips: rule.ips.map(({ ip, name }) => ({ ip, ...present({ name }) })),
        ports: rule.ports.map(({ port, name }) => ({ port, ...present({ name }) })),
      })),
    },
    properties: image.properties.map(({ key, defaultValue, dynamicValue, newArchive, uiType, ...optional }) => ({
      ...{ key, defaultValue, dynamicValue, newArchive, uiType: uiTypes[uiType] },
      ...present(optional),
    })),
    archivePointers: image.archivePointers.map(({ pointer, newArchiveProperties }) => ({
      newArchiveKeys: [...newArchiveProperties],
      pointer:
        pointer.kind === "store_key"
          ? { case: "storeKey" as const, value: pointer.key }
          : { case: "disallowed" as const, value: {} },
    })),
  };
}

type Present<T> = { readonly [K in keyof T]?: Exclude<T[K], null> };

function present<T extends Readonly<Record<string, unknown>>>(fields: T): Present<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null)) as Present<T>;
}
