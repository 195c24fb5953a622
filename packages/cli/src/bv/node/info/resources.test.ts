import assert from "node:assert/strict";
import { test } from "node:test";
import { resourceLines, resourcesView } from "./resources.ts";

test("what lies on the disk, and who keeps the node to its size", () => {
  const disk = (resources: Parameters<typeof resourcesView>[0]): string =>
    resourceLines(resourcesView(resources), 2).find(([label]) => label === "Disk use")?.[1] ?? "";
  const space = { kind: "subvolume", usedBytes: "1500000000", limitBytes: "2000000000" };
  assert.equal(
    disk({ dataBytes: "3000000", changedBytes: "1000000" }),
    "3 MB of data, 1 MB changed of the image (planned: 2 GB, watched by the daemon)",
  );
  assert.equal(disk({ space }), "1.5 GB of 2 GB, kept by a btrfs quota");
  assert.equal(
    disk({ space: { ...space, kind: "image" }, dataBytes: "3000000", diskIncomplete: true }),
    "1.5 GB of 2 GB, kept by a file system of its own; more than 3 MB of data elsewhere",
  );
});
