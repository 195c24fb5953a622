import assert from "node:assert/strict";
import { test } from "node:test";
import { parseImage, pickVariant, validateImage } from "../index.ts";
import { ACME } from "./acme.fixture.ts";

const rule = (fields: string) =>
  `rules: [{ key: http, protocol: tcp, direction: in, action: allow, ports: [{ port: 80 }], ${fields} }]`;

/** A change of the example, and the findings that it must give: severity, code, place, fix. */
const TABLE: [from: string, to: string, ...findings: string[]][] = [
  ["version: 1.2.0", "version: v1.0", "error NIB201 1:10 1.0.0"],
  ["version: 1.2.0", "version: 1.0", "error NIB201 1:10 1.0.0"],
  ["version: 1.2.0", "version: 01.0.0", "error NIB201 1:10 1.0.0"],
  ["version: 1.2.0", "version: 1.0.0-rc1"],
  ["version: 1.2.0", "version: 1.0.0+b"],
  ["version: 1.2.0", "version: 1.0.0-RC1", "warning NIB201 1:10 1.0.0-rc1"],
  ["docker://registry.example/acme-node:v7", "nope://x", "error NIB202 2:16"],
  ["docker://registry.example/acme-node:v7", "library://x/y", "warning NIB202 2:16"],
  ["protocol_key: acme", "protocol_key: Acme Chain", "error NIB203 3:15 acme-chain"],
  ["protocol_key: acme", "protocol_key: ac", "error NIB204 3:15"],
  ["key: trace", "key: history", "error NIB206 14:10", "error NIB215 30:34"],
  ["key: trace", "key: rpc_token", "error NIB203 8:10 rpc-token", "error NIB215 30:34"],
  ["value: pruned,", "value: full,", "error NIB206 20:18"],
  ["{ key: rpc-token,", "{ key: trace-on,", "error NIB206 8:10"],
  ["sku_code: ACMED-F-MN", "sku_code: ACMED-F", "error NIB205 23:15"],
  ["sku_code: ACMED-F-MN", "sku_code: acmed-f-mn", "error NIB205 23:15"],
  ["sku_code: ACMED-F-MN", "sku_code: ACMED--MN", "warning NIB205 23:15"],
  ["default_value: off", "default_value: of", "error NIB214 11:20 off"],
  ["default_value: off", "default_value: false", "error NIB214 11:20 off"],
  ["default_value: full", "default_value: most", "error NIB214 17:20"],
  ["!store_key acme-acmed-mainnet-full-v1", "!store_key", "error NIB213 28:18"],
  ["!store_key acme-acmed-mainnet-full-v1", "!store_key short", "error NIB213 28:18"],
  ["!store_key acme-acmed-mainnet-full-v1", "!store_key Acme_Full", "error NIB213 28:18 acme-full"],
  ["[trace-on]", "[trace]", "error NIB215 30:34 trace-on"],
  ["[trace-on]", "[history-full]", "error NIB215 30:34"],
  ["[trace-on]", "[]", "error NIB215 29:9"],
  ["        new_archive_properties: [trace-on]\n", "", "error NIB215 29:9"],
  ["rules: []", rule("ips: [{ ip: 1.2.3.4 }, { ip: 10.0.0.0/8 }, { ip: '::1' }, { ip: any }]")],
  ["rules: []", rule("ips: [{ ip: 1.2.3.5/30 }]"), "error NIB210 5:159 1.2.3.4/30"],
  ["rules: []", rule("ips: [{ ip: 10.0.0.0/255.0.0.0 }]"), "error NIB210 5:159 10.0.0.0/8"],
  ["rules: []", rule("ips: [{ ip: 192.168 }]"), "error NIB210 5:159 192.168.0.0/16"],
  ["rules: []", rule("ips: [{ ip: example.org }]"), "error NIB210 5:159"],
  ["rules: []", rule("").replace("[{ port: 80 }]", "[]"), "warning NIB211 5:131"],
  ["rules: []", rule("").replace("{ port: 80 }", "{ port: 80 }, { port: 80 }"), "warning NIB206 5:154"],
  ["rules: []", rule("").replace("key: http", "key: has space"), "error NIB203 5:73 has-space"],
  ["min_memory_mb: 16000", "min_memory_mb: 32678", "warning NIB217 25:20 32768"],
  ["min_disk_gb: 1000", "min_disk_gb: 9007199254740991", "error NIB217 26:18"],
  ["min_cpu: 8", "min_cpu: 8\n    ramdisks: [{ mount: /mnt, size_mb: 17000 }]", "warning NIB217 25:15"],
  ["min_cpu: 8", "min_cpu: 8\n    ramdisks: [{ mount: mnt, size_mb: 0 }]", "error NIB207 25:25", "error NIB207 25:39"],
  ["min_cpu: 8", "min_cpu: 8\n    ramdisks: [{ mount: /blockjoy/x, size_mb: 1 }]", "error NIB207 25:25"],
  ["key: acmed-mainnet-full", "key: sqd-worker-mainnet", "warning NIB216 22:10"],
  ["min_cpu: 8", "min_cpu: 8\n    metadata: [{ key: Net, value: x }]", "error NIB203 25:23 net"],
  ["key: acmed-mainnet-full", "key: sqd-worker-mainnet # nib-ignore NIB216"],
  ["name: Tracing", "name: Tracing\n    variants: [other-mainnet-full]", "warning NIB208 10:16"],
];

test("rules: each finding with its place and fix", () => {
  for (const [from, to, ...expected] of TABLE) {
    assert.ok(ACME.includes(from), from);
    const found = validateImage(parseImage(ACME.replace(from, to))).map((one) => {
      const { line, column } = one.range!.start;
      return [one.severity, one.code, `${line}:${column}`, one.fix?.text]
        .filter((part) => part !== undefined)
        .join(" ");
    });
    assert.deepEqual(found, expected, to);
  }
});

test("129 firewall rules are too many", () => {
  const rules = Array.from(
    { length: 129 },
    (_, n) => `{ key: r${n}, protocol: tcp, direction: in, action: allow, ports: [{ port: ${n} }] }`,
  );
  const findings = validateImage(parseImage(ACME.replace("rules: []", `rules: [${rules.join(", ")}]`)));
  assert.deepEqual(
    findings.map((one) => one.code),
    ["NIB212"],
  );
});

test("push also says what other hosts cannot use", () => {
  const codes = (uri: string) =>
    validateImage(parseImage(ACME.replace("docker://registry.example/acme-node:v7", uri)), { purpose: "push" }).map(
      (one) => one.code,
    );
  assert.deepEqual(codes("docker-daemon://acme:latest"), ["NIB219"]);
  assert.deepEqual(codes("docker://ghcr.io/a/b"), ["NIB218"]);
  assert.deepEqual(codes("docker://ghcr.io/a/b:v1"), []);
});

test("errors of types do not hide errors of meaning, nor cause others", () => {
  const text = ACME.replace("min_cpu: 8", "min_cpu: many")
    .replace("version: 1.2.0", "version: one")
    .replace("ui_type: !enum", "ui_type: !enam");
  assert.deepEqual(
    validateImage(parseImage(text)).map((one) => one.code),
    ["NIB201", "NIB106", "NIB103"],
  );
});

test("picking a variant", () => {
  const image = parseImage(ACME).value!;
  assert.equal(pickVariant(image, undefined).kind, "picked");
  assert.equal(pickVariant(image, "acmed-mainnet-full").kind, "picked");
  assert.equal(pickVariant(image, "other").kind, "unknown");
  const two = { ...image, variants: [image.variants[0]!, { ...image.variants[0]!, key: "b" }] };
  assert.equal(pickVariant(two, undefined).kind, "ambiguous");
  assert.equal(pickVariant({ ...image, variants: [] }, undefined).kind, "none");
});
