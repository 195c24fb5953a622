import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { TemporaryDirectory } from "../../../testing/cli-process.ts";
import { gpus } from "./gpus.ts";

const folder = new TemporaryDirectory();
after(() => folder[Symbol.dispose]());

const put = (path: string, content: string): void => {
  mkdirSync(dirname(join(folder.path, path)), { recursive: true });
  writeFileSync(join(folder.path, path), content);
};

test("graphics processors are told by model, or by what they are on the bus; outputs are none", () => {
  assert.deepEqual(gpus(folder.path), []);
  for (const [address, vendor, device, entries] of [
    ["0000:03:00.0", "0x1002", "0x744c", ["card1", "renderD129"]],
    ["0000:01:00.0", "0x10de", "0x2330", ["card0", "renderD128"]],
    ["0000:09:00.0", "0x1a03", "0x2000", ["card2"]],
  ] as const) {
    put(`sys/devices/${address}/vendor`, `${vendor}\n`);
    put(`sys/devices/${address}/device`, `${device}\n`);
    for (const entry of entries) {
      mkdirSync(join(folder.path, "sys/class/drm", entry), { recursive: true });
      symlinkSync(`../../../devices/${address}`, join(folder.path, "sys/class/drm", entry, "device"));
    }
  }
  put("proc/driver/nvidia/gpus/0000:01:00.0/information", "Model: \t\t NVIDIA H100 PCIe\nIRQ:   \t\t 100\n");
  put("proc/driver/nvidia/gpus/0000:0a:00.0/information", "");
  assert.deepEqual(gpus(folder.path), [
    { address: "0000:01:00.0", name: "NVIDIA H100 PCIe" },
    { address: "0000:03:00.0", name: "1002:744c" },
    { address: "0000:0a:00.0", name: "NVIDIA" },
  ]);
});
