import assert from "node:assert/strict";
import { test } from "node:test";
import { hostFigures } from "./host-report.ts";

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
