import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { TemporaryDirectory } from "../../../testing/cli-process.ts";
import type { Finding } from "../finding.ts";
import { checkNetwork } from "./network.ts";

const folder = new TemporaryDirectory();
after(() => folder[Symbol.dispose]());

/** What is found with one program of the machine answering as it does on a kernel that lacks something. */
async function findings(program?: string, script = ""): Promise<readonly Finding[]> {
  const path = process.env["PATH"];
  const bin = mkdtempSync(join(folder.path, "bin-"));
  if (program) writeFileSync(join(bin, program), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  process.env["PATH"] = `${bin}:${path}`;
  try {
    return await checkNetwork({ config: { iface: `bvd${process.pid}` }, signal: AbortSignal.timeout(60_000) });
  } finally {
    process.env["PATH"] = path;
  }
}

const bad = (all: readonly Finding[]): readonly Finding[] => all.filter(({ level }) => level !== "ok");
const nftWithout = (word: string): string =>
  `case "$(cat)" in *${word}*) echo "Error: Could not process rule: No such file or directory" >&2; exit 1;; esac`;

test("this machine has what nodes are connected and kept apart with, and keeps nothing of the trial", async () => {
  const found = await findings();
  assert.deepEqual(bad(found.filter(({ check }) => check !== "forwarding")), []);
  assert.deepEqual(
    found.map(({ check }) => check),
    ["bridge", "links", "firewall", "namespaces", "forwarding"],
  );
  assert.doesNotMatch(execFileSync("nft", ["list", "tables"], { encoding: "utf8" }), /bv_doctor/);
  assert.doesNotMatch(execFileSync("ip", ["link"], { encoding: "utf8" }), /bvd[012][@:]/);
  assert.equal(execFileSync("find", ["/sys/fs/cgroup", "-name", "bv_doctor-*"], { encoding: "utf8" }), "");
});

test("a kernel without pairs of links, or bridges", async () => {
  const [links, ...others] = bad(await findings("ip", 'echo "Error: Unknown device type." >&2; exit 2'));
  assert.deepEqual(
    others.filter(({ check }) => check !== "forwarding"),
    [],
  );
  assert.deepEqual(links, {
    check: "links",
    level: "error",
    message: "nodes cannot be connected: Error: Unknown device type.",
    fix: "modprobe bridge veth; or install a kernel that has them",
  });
});

for (const word of ["masquerade", "netdev", "reject"]) {
  test(`a kernel whose firewall has no '${word}'`, async () => {
    const found = bad(await findings("nft", nftWithout(word))).find(({ check }) => check === "firewall");
    assert.deepEqual(
      [found?.level, found?.message],
      ["error", "rules cannot be loaded: Error: Could not process rule: No such file or directory"],
    );
    assert.match(found?.fix ?? "", /^modprobe nf_tables .*nft_masq/);
  });
}

test("a kernel that cannot tell whose a connection is binds only nodes on the bridge", async () => {
  const found = bad(await findings("nft", nftWithout("cgroupv2"))).find(({ check }) => check === "firewall");
  assert.deepEqual([found?.level, found?.fix], ["warning", "modprobe nft_socket; nodes on the bridge do not need it"]);
});
