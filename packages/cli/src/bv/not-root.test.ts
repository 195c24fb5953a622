import assert from "node:assert/strict";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { hostLogin } from "../cloud/host-login.ts";
import { Output } from "../output/output.ts";
import { TemporaryDirectory } from "../testing/cli-process.ts";
import { archiveList } from "./archive/list/list.ts";
import { operate } from "./archive/operate/operate.ts";
import { hostUpdate } from "./host/update/update.ts";
import { protocolList } from "./protocol/list.ts";

test("who is not root is told so where only root gets on", async () => {
  using root = new TemporaryDirectory();
  chmodSync(root.path, 0o755);
  mkdirSync(join(root.path, "etc"));
  const config = join(root.path, "etc/blockvisor.json");
  writeFileSync(config, "{}", { mode: 0o600 });
  const before = process.env["BV_ROOT"] ?? "";
  process.env["BV_ROOT"] = root.path;
  const out = new Output({ program: "bv", format: "text", verbosity: 0, command: "" });
  const signal = new AbortController().signal;
  // In this process, as a program of another user need not be able to read this checkout.
  process.seteuid?.(65_534);
  try {
    await assert.rejects(hostLogin(out), {
      kind: "file-unreadable",
      message: `${config} is for root only: this talks to the control plane as the host itself`,
    });
    // What the daemon can do for its group, it is asked to do.
    for (const ask of [
      () => protocolList({ out, args: [], options: { number: 1 }, signal }),
      () => hostUpdate({ out, args: [], options: {}, signal }),
      () => archiveList({ out, args: [], options: {}, signal }),
      () => operate({ out, args: ["a-v1"], options: { data: "/usr" }, signal }, "verify"),
      () => operate({ out, args: ["a-v1"], options: { node: "any" }, signal }, "push"),
    ]) {
      await assert.rejects(ask(), {
        kind: "daemon-unreachable",
        message: `cannot reach blockvisord at ${join(root.path, "run/blockvisor/blockvisord.sock")}`,
      });
    }
  } finally {
    process.seteuid?.(0);
    process.env["BV_ROOT"] = before;
  }
});
