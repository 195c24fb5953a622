import {
  type FirewallConfig,
  FirewallConfigSchema,
  type FirewallRule,
  type ImageConfig,
  type NodeConfig,
  NodeConfigSchema,
} from "@blockvisor/wire/blockjoy/common/v1/config";
import { create, fromBinary } from "@bufbuild/protobuf";
import { failedPrecondition, invalidArgument } from "../rpc-error.ts";
import { combinationOf } from "./archive-pointers.ts";
import { checkRules, overlayRules } from "./firewall.ts";
import type { ImageModel } from "./image-model.ts";
import { carriedValues, type NewValue, type PropertyValue, resolveValues } from "./property-values.ts";

const mostCores = 1000n;
const mostMemory = 2n ** 40n;
const mostDisk = 100n * 2n ** 40n;

export interface ResolvedConfig {
  readonly config: NodeConfig;
  readonly archiveId: string;
  readonly cpuCores: bigint;
  readonly memoryBytes: bigint;
  readonly diskBytes: bigint;
}

/** The immutable configuration of a new node (spec §5). */
export function newConfig(
  model: ImageModel,
  values: readonly NewValue[],
  addedRules: readonly FirewallRule[],
): ResolvedConfig {
  checkRules(addedRules, "add_rules");
  return build(model, resolveValues(model.properties, values), overlayRules(imageFirewall(model), addedRules));
}

/** The configuration a node gets with another image: what its owner decided is kept (spec §5.6). */
export function upgradedConfig(from: ImageModel, to: ImageModel, current: NodeConfig): ResolvedConfig {
  const values = carriedValues(
    from.properties,
    to.properties,
    (current.image?.values ?? []).map(({ key, keyGroup, value }) => ({
      key,
      value,
      ...(keyGroup === undefined ? {} : { keyGroup }),
    })),
  );
  const before = new Map(imageFirewall(from).rules.map((rule) => [rule.key, JSON.stringify(rule)]));
  const decided = (current.firewall?.rules ?? []).filter((rule) => before.get(rule.key) !== JSON.stringify(rule));
  return build(to, resolveValues(to.properties, values), overlayRules(imageFirewall(to), decided));
}

/**
 * The configuration after some values changed (spec §5.5): image, archive and resources stay.
 * @throws NOT_FOUND / FAILED_PRECONDITION for values that are not there or not changeable on a running node
 */
export function updatedConfig(
  model: ImageModel,
  current: NodeConfig,
  values: readonly NewValue[],
  firewall: FirewallConfig | undefined,
): NodeConfig {
  const kept = (current.image?.values ?? []).flatMap(({ key, value }) =>
    model.properties.some((property) => property.key === key) ? [{ key, value }] : [],
  );
  const before = resolveValues(model.properties, kept);
  const after = resolveValues(model.properties, [...kept, ...values]);
  for (const value of after) {
    const earlier = before.find(({ property }) => property.key === value.property.key);
    if (earlier?.value === value.value) continue;
    if (!value.property.dynamic_value) throw failedPrecondition(`property.key: ${value.property.key}`);
  }
  const cost = (all: readonly PropertyValue[]) => JSON.stringify(Object.values(added(all)).map(String));
  if (values.length > 0 && (cost(before) !== cost(after) || combination(before) !== combination(after))) {
    throw failedPrecondition("new_values would change the node's resources or archive; create a new node instead");
  }
  const { image } = current;
  const effective = firewall ?? current.firewall;
  return create(NodeConfigSchema, {
    ...(current.vm === undefined ? {} : { vm: current.vm }),
    ...(image === undefined ? {} : { image: { ...withoutType(image), values: valueMessages(after) } }),
    ...(effective === undefined ? {} : { firewall: effective }),
  });
}

const withoutType = ({ $typeName: _type, $unknown: _unknown, ...fields }: ImageConfig) => fields;

const valueMessages = (values: readonly PropertyValue[]) =>
  values.map(({ property, value }) => ({
    key: property.key,
    value,
    ...(property.key_group === null ? {} : { keyGroup: property.key_group }),
  }));

const imageFirewall = (model: ImageModel) => fromBinary(FirewallConfigSchema, model.image.firewall);

const combination = (values: readonly PropertyValue[]) =>
  combinationOf(
    values.filter(({ changed, property }) => changed && property.new_archive).map(({ property }) => property.key),
  );

function added(values: readonly PropertyValue[]) {
  const sum = (column: "add_cpu_cores" | "add_memory_bytes" | "add_disk_bytes") =>
    values.reduce((total, { changed, property }) => total + (changed ? (property[column] ?? 0n) : 0n), 0n);
  return { cpu: sum("add_cpu_cores"), memory: sum("add_memory_bytes"), disk: sum("add_disk_bytes") };
}

function build(model: ImageModel, values: readonly PropertyValue[], firewall: FirewallConfig): ResolvedConfig {
  const { image, archives } = model;
  const wanted = combination(values);
  const archive = archives.find((candidate) => candidate.combination === wanted);
  if (archive === undefined) {
    const allowed = archives.map((candidate) => candidate.combination || "(none)").join("; ");
    throw failedPrecondition(
      `new_values: the combination ${wanted || "(none)"} is not offered; allowed are: ${allowed === "" ? "none" : allowed}`,
    );
  }
  const more = added(values);
  const atLeast = (minimum: bigint, extra: bigint) => (extra > 0n ? minimum + extra : minimum);
  const cpuCores = atLeast(image.min_cpu_cores, more.cpu);
  const memoryBytes = atLeast(image.min_memory_bytes, more.memory);
  const diskBytes = atLeast(image.min_disk_bytes, more.disk);
  if (cpuCores < 1n || cpuCores > mostCores) throw invalidArgument("cpu_cores", `${cpuCores} is not 1 to ${mostCores}`);
  if (memoryBytes < 1n || memoryBytes > mostMemory) throw invalidArgument("memory_bytes", "is not up to 1 TiB");
  if (diskBytes < 1n || diskBytes > mostDisk) throw invalidArgument("disk_bytes", "is not up to 100 TiB");
  const config = create(NodeConfigSchema, {
    vm: {
      cpuCores,
      memoryBytes,
      diskBytes,
      ramdisks: image.ramdisks.map(({ mount, sizeBytes }) => ({ mount, sizeBytes: BigInt(sizeBytes) })),
    },
    image: {
      imageId: image.id,
      imageUri: image.image_uri,
      archiveId: archive.id,
      storeKey: archive.store_key,
      values: valueMessages(values),
      minBabelVersion: image.min_babel_version,
    },
    firewall,
  });
  return { config, archiveId: archive.id, cpuCores, memoryBytes, diskBytes };
}
