import assert from "node:assert/strict";
import { test } from "node:test";
import { NodeService } from "@blockvisor/wire/blockjoy/v1/node";
import { Code, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import type { HostConfig } from "../config/host-config.ts";
import type { NodeTable } from "../node/node-table.ts";
import type { Api } from "./api.ts";
import { apiControlPlane } from "./api-control-plane.ts";

for (const [how, answer, message] of [
  ["refuses", () => Promise.reject(new ConnectError("connect ECONNREFUSED", Code.Unavailable)), /ECONNREFUSED/],
  ["never answers", () => new Promise<never>(() => {}), /^API: (no answer within 0.05 s|the operation timed out)/],
] as const) {
  test(`who lists nodes asks an API that ${how} once, and not for long`, { timeout: 20_000 }, async () => {
    let calls = 0;
    const transport = createRouterTransport(({ service }) =>
      service(NodeService, {
        list: () => {
          calls += 1;
          return answer();
        },
      }),
    );
    const api = { nodes: createClient(NodeService, transport) } as unknown as Api;
    const config = { orgId: "org", hostId: "host" } as HostConfig;
    const plane = apiControlPlane(api, config, {} as NodeTable, () => undefined, 50);
    await assert.rejects(plane.listNodes(), { code: "api_unreachable", message });
    assert.equal(calls, 1);
  });
}
