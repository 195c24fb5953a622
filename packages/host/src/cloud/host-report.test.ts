import assert from "node:assert/strict";
import { totalmem } from "node:os";
import { test } from "node:test";
import { hasChanged, hostFacts, hostFigures } from "./host-report.ts";

test("figures of the machine are in the units that the API's names say: hundredths of a core, load in percent of the cores", () => {
  const found = {
    usedCpuPercent: 12.5,
    usedMemoryBytes: 1n,
    usedDiskBytes: 2n,
    loadOne: 4,
    loadFive: 2,
    loadFifteen: 0.5,
    networkReceivedBytes: 3n,
    networkSentBytes: 4n,
    uptimeSeconds: 5n,
    usedIps: ["10.0.0.2"],
    totalMemoryBytes: 6n,
    totalDiskBytes: 7n,
    pressure: [],
  };
  assert.deepEqual(hostFigures("host", found, 8), {
    hostId: "host",
    usedCpuHundreths: 100n,
    usedMemoryBytes: 1n,
    usedDiskBytes: 2n,
    loadOnePercent: 50,
    loadFivePercent: 25,
    loadFifteenPercent: 6.25,
    networkReceivedBytes: 3n,
    networkSentBytes: 4n,
    uptimeSeconds: 5n,
    usedIps: ["10.0.0.2"],
  });
});

test("a machine that has other parts, or another size of disk, is worth telling; one as it was is not (DB-10.7)", async () => {
  const facts = await hostFacts("1.2.3", "/");
  assert.deepEqual([facts.bvVersion, facts.memoryBytes], ["1.2.3", BigInt(totalmem())]);
  const larger = (percent: bigint) => ({ ...facts, diskBytes: (facts.diskBytes * (100n + percent)) / 100n });
  const others = [await hostFacts("1.2.3", "/"), larger(0n), larger(2n), { ...facts, memoryBytes: 1n }];
  assert.deepEqual(
    others.map((other) => hasChanged(facts, other)),
    [false, false, true, true],
  );
});
