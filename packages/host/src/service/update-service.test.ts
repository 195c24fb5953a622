import assert from "node:assert/strict";
import { test } from "node:test";
import { ServiceStatus } from "@blockvisor/wire/blockvisor/host/v1/host";
import { DaemonStatus } from "./daemon-status.ts";

test("an update that nobody goes on with is over with its lease (DB-3.2)", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const status = new DaemonStatus();
  status.beginUpdate(10_000);
  // Nodes that are attached meanwhile end no update.
  status.set(ServiceStatus.OK);
  t.mock.timers.tick(9_000);
  status.beginUpdate(10_000);
  t.mock.timers.tick(9_999);
  assert.deepEqual([status.current, status.updateEndsAt], [ServiceStatus.UPDATING, new Date(19_000)]);
  assert.throws(() => status.requireOk(), { code: "gate", message: "pending update, try again later" });
  t.mock.timers.tick(1);
  assert.deepEqual([status.current, status.updateEndsAt], [ServiceStatus.OK, undefined]);
  status.requireOk();
});
