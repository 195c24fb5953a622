import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { test } from "node:test";
import { pino } from "pino";
import { Notifications } from "./notifications.ts";

test("each try that does not get through to the broker is told as a failure: no address, nobody there", async () => {
  const closed = createServer();
  await new Promise<void>((resolve) => closed.listen(0, "127.0.0.1", resolve));
  const { port } = closed.address() as AddressInfo;
  await new Promise((resolve) => closed.close(resolve));
  const answers = [() => Promise.reject(new Error("no discovery")), async () => `mqtt://127.0.0.1:${port}`];
  let asked = 0;
  await new Promise<void>((resolve) => {
    let failures = 0;
    const notifications = new Notifications({
      hostId: "host",
      brokerUrl: () => (answers[asked++] ?? assert.fail("asked once more"))(),
      token: async () => "token",
      onConnected: () => assert.fail("nobody is there"),
      onWake: () => {},
      onFailure: () => {
        failures += 1;
        assert.equal(failures, asked);
        if (failures === 2) void notifications.stop().then(resolve);
      },
      log: pino({ enabled: false }),
    });
    notifications.start();
  });
});
