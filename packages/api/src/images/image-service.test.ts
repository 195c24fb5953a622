import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { FirewallAction, FirewallDirection, FirewallProtocol } from "@blockvisor/wire/blockjoy/common/v1/config";
import { UiType, Visibility } from "@blockvisor/wire/blockjoy/common/v1/protocol";
import { SearchOperator, SortOrder } from "@blockvisor/wire/blockjoy/common/v1/search";
import { ProtocolSortField } from "@blockvisor/wire/blockjoy/v1/protocol";
import { type ApiUnderTest, newUser, startApiUnderTest } from "../testing/api-under-test.ts";
import { imageRequest, pushCatalogue, versionKey } from "../testing/catalogue.ts";
import { clients } from "../testing/clients.ts";

describe("the catalogue", () => {
  let under: ApiUnderTest;
  let protocolVersionId = "";
  let imageId = "";
  before(async () => {
    under = await startApiUnderTest();
    ({ protocolVersionId, imageId } = await pushCatalogue(under.as));
  });
  after(() => under.close());

  test("an image that is wrong is refused as a whole, with what is wrong", async () => {
    const good = imageRequest(protocolVersionId);
    const [p2p] = good.firewall.rules;
    assert.ok(p2p);
    const text = { key: "text", defaultValue: "", dynamicValue: false, uiType: UiType.TEXT, newArchive: false };
    const withProperty = (property: object) => ({
      ...good,
      properties: [...good.properties, { ...text, ...property }],
    });
    const withRule = (rule: object) => ({ ...good, firewall: { ...good.firewall, rules: [{ ...p2p, ...rule }] } });
    const cases: readonly [object, RegExp][] = [
      [{ ...good, firewall: undefined }, /\[invalid_argument\] firewall$/],
      [
        { ...good, firewall: { ...good.firewall, defaultIn: FirewallAction.UNSPECIFIED } },
        /\[invalid_argument\] action: firewall\.default_in is missing/,
      ],
      [withRule({ action: FirewallAction.UNSPECIFIED }), /\[invalid_argument\] action: rule 'p2p' has none/],
      [withRule({ protocol: FirewallProtocol.UNSPECIFIED }), /\[invalid_argument\] protocol: rule 'p2p' has none/],
      [withRule({ direction: FirewallDirection.UNSPECIFIED }), /\[invalid_argument\] direction: rule 'p2p' has none/],
      [withRule({ ports: [{ port: 65_536 }] }), /\[invalid_argument\] port: rule 'p2p': 65536 is not 0 to 65535/],
      [
        withRule({ ips: [{ ip: "10.0.0.0/33" }] }),
        /\[invalid_argument\] ip: rule 'p2p': '10\.0\.0\.0\/33' is not an address or CIDR/,
      ],
      [
        { ...good, firewall: { ...good.firewall, rules: [p2p, p2p] } },
        /\[invalid_argument\] firewall\.rules: rule 'p2p' is given twice/,
      ],
      [{ ...good, minCpuCores: 0n }, /\[invalid_argument\] min_cpu_cores: has to be greater than zero/],
      [{ ...good, minDiskBytes: 2n ** 63n }, /\[out_of_range\] min_disk_bytes/],
      [{ ...good, minBabelVersion: "latest" }, /\[invalid_argument\] min_babel_version: is not a semantic version/],
      [{ ...good, imageUri: "" }, /\[invalid_argument\] image_uri/],
      [
        { ...good, ramdisks: [{ mount: "/a/../etc", sizeBytes: 1n }] },
        /\[invalid_argument\] ramdisks\.mount: '\/a\/\.\.\/etc' is not a plain absolute path/,
      ],
      [
        withProperty({ key: "No Kebab" }),
        /\[invalid_argument\] properties\.key: 'No Kebab' is not 3 to 128 characters/,
      ],
      [withProperty({ key: "moniker" }), /\[invalid_argument\] properties\.key: 'moniker' is given twice/],
      [withProperty({ uiType: UiType.UNSPECIFIED }), /\[invalid_argument\] ui_type: property 'text' has none/],
      [
        withProperty({ variants: "not json" }),
        /\[invalid_argument\] properties\.variants: of 'text' is not a JSON array of variant keys/,
      ],
      [
        withProperty({ key: "network-goerli", keyGroup: "network", isGroupDefault: true, defaultValue: "goerli" }),
        /\[failed_precondition\] is_group_default: group 'network' has 2 defaults, it needs exactly one/,
      ],
      [
        { ...good, archivePointers: [] },
        /\[invalid_argument\] missing archive_pointer key combos: \(none\); network-sepolia/,
      ],
      [{ ...good, protocolVersionId: "x" }, /\[invalid_argument\] protocol_version_id: 'x' is not a UUID/],
      [{ ...good, protocolVersionId: imageId }, /\[not_found\] Version not found\./],
    ];
    for (const [request, message] of cases) await assert.rejects(under.as.image.addImage(request), message);
    assert.equal((await under.as.image.getImage({ versionKey })).image?.buildVersion, 1n, "nothing was left behind");
  });

  test("a property that is for other variants is not shown and not required", async () => {
    const good = imageRequest(protocolVersionId);
    const only = (key: string, variant: string) => ({
      key,
      defaultValue: "",
      dynamicValue: false,
      uiType: UiType.TEXT,
      newArchive: false,
      variants: JSON.stringify([variant]),
    });
    const { image } = await under.as.image.addImage({
      ...good,
      properties: [...good.properties, only("mine", versionKey.variantKey), only("theirs", "client-other-full")],
    });
    const keys = image?.properties.map((property) => property.key);
    assert.ok(keys?.includes("mine") && !keys.includes("theirs"));
  });

  test("builds are counted over all, also those one cannot see, and under concurrency", async () => {
    const { version } = await under.as.protocol.addVersion({ versionKey, semanticVersion: "3.0.0", skuCode: "" });
    const request = imageRequest(version?.protocolVersionId ?? "");
    const images = await Promise.all(Array.from({ length: 5 }, () => under.as.image.addImage(request)));
    assert.deepEqual(images.map(({ image }) => image?.buildVersion).sort(), [1n, 2n, 3n, 4n, 5n]);
  });

  test("what is private looks to others as if it were not there", async () => {
    const user = await newUser(under, "viewer@example.com");
    const key = { protocolKey: "hidden-chain", variantKey: "client-mainnet-full" };
    const { protocol } = await under.as.protocol.addProtocol({ key: key.protocolKey, name: "Hidden" });
    const { version } = await under.as.protocol.addVersion({ versionKey: key, semanticVersion: "1.0.0", skuCode: "" });
    const { image } = await under.as.image.addImage(imageRequest(version?.protocolVersionId ?? ""));
    const protocolId = protocol?.protocolId ?? "";
    await assert.rejects(
      user.as.protocol.getProtocol({ protocol: { case: "protocolId", value: protocolId } }),
      /\[not_found\] Protocol not found\./,
    );
    await assert.rejects(user.as.image.getImage({ versionKey: key }), /\[not_found\] Not found\./);
    await assert.rejects(
      user.as.image.listArchives({ imageId: image?.imageId ?? "" }),
      /\[not_found\] Image not found\./,
    );
    assert.deepEqual(
      (await user.as.protocol.listProtocols({ limit: 10n })).protocols.map((shown) => shown.key),
      ["test-chain"],
    );
    await assert.rejects(
      user.as.node.create({
        orgId: user.personalOrgId,
        imageId: image?.imageId ?? "",
        launcher: { launch: { case: "byHost", value: { hostCounts: [{ hostId: imageId, nodeCount: 1 }] } } },
      }),
      /\[not_found\] Image not found\./,
    );
    await under.as.protocol.updateProtocol({ protocolId, visibility: Visibility.PUBLIC });
    const seen = await user.as.protocol.getProtocol({ protocol: { case: "protocolId", value: protocolId } });
    assert.deepEqual(seen.protocol?.versions, [], "its version is still private");
  });

  test("catalogue keys and versions are checked, and unique", async () => {
    const { protocol } = under.as;
    await assert.rejects(protocol.addProtocol({ key: "ab", name: "x" }), /\[invalid_argument\] key/);
    await assert.rejects(
      protocol.addProtocol({ key: "test-chain", name: "x" }),
      /\[already_exists\] Protocol already exists\./,
    );
    const add = (semanticVersion: string, key = versionKey) =>
      protocol.addVersion({ versionKey: key, semanticVersion, skuCode: "" });
    await assert.rejects(add("1.0"), /\[invalid_argument\] protocol_version: '1\.0' is not a semantic version/);
    await assert.rejects(add("1.0.0"), /\[already_exists\] Protocol version already exists\./);
    await assert.rejects(
      add("1.0.0", { protocolKey: "no-such", variantKey: "variant" }),
      /\[not_found\] Protocol not found\./,
    );
    await assert.rejects(
      add("1.0.0", { protocolKey: "test-chain", variantKey: "UPPER" }),
      /\[invalid_argument\] version_key\.variant_key/,
    );
    await assert.rejects(
      under.as.image.updateImage({ imageId, visibility: 9 as Visibility }),
      /\[invalid_argument\] visibility/,
    );
  });

  test("lists page, sort and search", async () => {
    for (const name of ["Alpha_1", "alphaX1", "Beta"]) {
      await under.as.protocol.addProtocol({ key: name.toLowerCase().replace("_", "-").padEnd(6, "x"), name });
    }
    const listed = async (request: object) => {
      const { protocols, total } = await under.as.protocol.listProtocols(request);
      return { names: protocols.map((protocol) => protocol.name), total };
    };
    const search = (name: string) => ({
      search: { operator: SearchOperator.OR, name },
      sort: [{ field: ProtocolSortField.NAME, order: SortOrder.ASCENDING }],
    });
    assert.deepEqual(await listed({ ...search("ALPHA_"), limit: 10n }), { names: ["Alpha_1"], total: 1n });
    assert.deepEqual(await listed({ ...search("alpha%"), limit: 10n }), { names: ["Alpha_1", "alphaX1"], total: 2n });
    assert.deepEqual(await listed({ ...search("alpha%"), limit: 1n, offset: 1n }), { names: ["alphaX1"], total: 2n });
    assert.deepEqual(await listed({ ...search("alpha%"), limit: 10n, offset: 99n }), { names: [], total: 2n });
    assert.deepEqual(await listed({ ...search("alpha%"), limit: 0n }), { names: [], total: 2n });
    assert.deepEqual((await listed({ ...search("') or 1=1 --"), limit: 10n })).names, []);
    await assert.rejects(
      listed({ search: { operator: 0, name: "x" }, limit: 1n }),
      /\[invalid_argument\] search\.operator/,
    );
    await assert.rejects(listed({ sort: [{ field: 77, order: 1 }], limit: 1n }), /\[invalid_argument\] sort\.field/);
    await assert.rejects(listed({ sort: [{ field: 1, order: 0 }], limit: 1n }), /\[invalid_argument\] sort\.order/);
    await assert.rejects(listed({ limit: 2n ** 64n - 1n }), /\[invalid_argument\] limit/);
  });

  test("texts with NUL, far too long ones and wrong types end in sentences, never in an internal error", async () => {
    const { protocol } = under.as;
    await assert.rejects(
      protocol.addProtocol({ key: "nul-chain", name: "a\0b" }),
      /\[invalid_argument\] name: contains a NUL character/,
    );
    await assert.rejects(
      protocol.addProtocol({ key: "long-chain", name: "x".repeat(1000) }),
      /\[invalid_argument\] name: has 1000 characters/,
    );
    await assert.rejects(
      protocol.listProtocols({ limit: 1n, search: { operator: 1, name: "a\0b" } }),
      /\[invalid_argument\]/,
    );
    await assert.rejects(
      clients(under.api.url, under.admin.token).user.get({ userId: "a\0b" }),
      /\[invalid_argument\] user_id/,
    );
  });
});
