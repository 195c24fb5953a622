import assert from "node:assert/strict";
import { test } from "node:test";
import { brokerAddress } from "./broker-address.ts";

test("every way in which an API names its broker is understood", () => {
  assert.deepEqual(brokerAddress("mqtt://broker.example:1883"), {
    protocol: "mqtt",
    host: "broker.example",
    port: 1883,
  });
  assert.deepEqual(brokerAddress("broker.example:1883"), { protocol: "mqtt", host: "broker.example", port: 1883 });
  assert.deepEqual(brokerAddress("https://broker.example:8883"), {
    protocol: "mqtts",
    host: "broker.example",
    port: 8883,
  });
  assert.deepEqual(brokerAddress("mqtts://[fd00::1]"), { protocol: "mqtts", host: "fd00::1" });
  assert.deepEqual(brokerAddress("wss://broker.example/mqtt"), {
    protocol: "wss",
    host: "broker.example",
    path: "/mqtt",
  });
});
