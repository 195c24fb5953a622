import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { release, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { missingTool } from "../container/run-tool.ts";
import { machineFacts } from "./machine-facts.ts";

const folder = mkdtempSync(join(tmpdir(), "bv-machine-"));
after(() => rmSync(folder, { recursive: true }));

const put = (path: string, content: string): void => {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), content);
};

/** Programs that say this of themselves; the others are missing. */
const saying = (said: Readonly<Record<string, string>>) => async (tool: string) => {
  const stdout = said[tool];
  if (stdout === undefined) throw missingTool(tool);
  return { exitCode: 0, stdout, stderr: "" };
};
const gpus = async () => (await machineFacts(saying({}), folder)).gpus;

test("kernel and runtimes are told; texts are cut, and what is not to be seen is left out", async () => {
  const facts = await machineFacts(saying({ crun: "crun version 1.21\n", runc: `runc 1.2${"3".repeat(200)}` }), folder);
  assert.deepEqual(facts, {
    kernel: release(),
    runtimes: [
      { program: "crun", version: "1.21" },
      { program: "runc", version: `1.2${"3".repeat(125)}` },
    ],
    gpus: [],
  });
  put("proc/driver/nvidia/gpus/0000:01:00.0/information", "Model: a\u001b[2Jb\u202e\n");
  assert.deepEqual(await gpus(), [{ address: "0000:01:00.0", name: "a[2Jb" }]);
  rmSync(join(folder, "proc"), { recursive: true });
});

test("graphics processors are told by model, or by what they are on the bus; outputs are none", async () => {
  for (const [address, vendor, device, entries] of [
    ["0000:03:00.0", "0x1002", "0x744c", ["card1", "renderD129"]],
    ["0000:01:00.0", "0x10de", "0x2330", ["card0", "renderD128"]],
    ["0000:09:00.0", "0x1a03", "0x2000", ["card2"]],
  ] as const) {
    put(`sys/devices/${address}/vendor`, `${vendor}\n`);
    put(`sys/devices/${address}/device`, `${device}\n`);
    for (const entry of entries) {
      mkdirSync(join(folder, "sys/class/drm", entry), { recursive: true });
      symlinkSync(`../../../devices/${address}`, join(folder, "sys/class/drm", entry, "device"));
    }
  }
  put("proc/driver/nvidia/gpus/0000:01:00.0/information", "Model: \t\t NVIDIA H100 PCIe\nIRQ:   \t\t 100\n");
  put("proc/driver/nvidia/gpus/0000:0a:00.0/information", "");
  assert.deepEqual(await gpus(), [
    { address: "0000:01:00.0", name: "NVIDIA H100 PCIe" },
    { address: "0000:03:00.0", name: "1002:744c" },
    { address: "0000:0a:00.0", name: "NVIDIA" },
  ]);
});
