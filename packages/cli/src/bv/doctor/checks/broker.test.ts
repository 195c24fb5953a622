import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { test } from "node:test";
import { Output } from "../../../output/output.ts";
import type { HostConfigJson } from "../finding.ts";
import { checkBroker } from "./broker.ts";

const check = async (config: HostConfigJson) => {
  const out = new Output({ program: "bv", format: "text", verbosity: 0, command: "doctor" });
  const found = await checkBroker({ config, signal: new AbortController().signal }, out);
  return found.map(({ level, message }) => `${level}: ${message}`);
};
const cloud = (broker: string) => ({ nodexeus_api_url: "http://127.0.0.1:1", nodexeus_mqtt_url: broker });

test("a broker that can be reached, however it is named, one that speaks no TLS, and one that is away", async () => {
  const server = createServer((socket) =>
    socket
      .on("error", () => {})
      .resume()
      .end("no TLS"),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const place = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const reached = [`ok: the broker at ${place} can be reached`];
  for (const broker of [`mqtt://${place}`, place, `ws://${place}/mqtt`]) {
    assert.deepEqual(await check(cloud(broker)), reached);
  }
  assert.match(
    (await check(cloud(`mqtts://${place}`))).join(),
    /^warning: the broker at \S+ does not answer: .*(SSL|EPROTO)/,
  );
  server.close();
  await once(server, "close");
  assert.match((await check(cloud(place))).join(), /^warning: the broker at \S+ does not answer: .*ECONNREFUSED/);
});

test("no broker where there is no control plane, and one that is none", async () => {
  assert.deepEqual(await check({ mode: "dev", ...cloud("x:1") }), ["ok: no message broker is used here"]);
  assert.deepEqual(await check(cloud("mqtt://")), ["warning: 'mqtt://' is no address of a broker"]);
});
