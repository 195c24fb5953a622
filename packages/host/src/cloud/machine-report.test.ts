import assert from "node:assert/strict";
import { test } from "node:test";
import type { MachineFacts } from "@blockvisor/image/machine";
import { HostFactsService, type ReportFactsRequest } from "@blockvisor/wire/blockvisor/hosts/v1/facts";
import { Code, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import { MachineReport } from "./machine-report.ts";

/** A control plane that answers as `answer` says, and a machine that can change. */
function reported(answer: () => void = () => {}) {
  const told: (string | undefined)[] = [];
  const transport = createRouterTransport(({ service }) =>
    service(HostFactsService, {
      reportFacts({ hostId, facts }: ReportFactsRequest) {
        told.push([hostId, facts?.kernel, ...(facts?.runtimes.map(({ version }) => version) ?? [])].join(" "));
        answer();
        return {};
      },
    }),
  );
  const machine = { version: "1.21" };
  const look = async (): Promise<MachineFacts> => ({
    kernel: "6.12",
    runtimes: [{ program: "crun", version: machine.version }],
    gpus: [],
  });
  const api = { hostFacts: createClient(HostFactsService, transport) };
  return { report: new MachineReport(api, "host", look), machine, told };
}

test("what the machine has to run images with is told when it has changed, and whenever it is to be told (DB-10.7)", async () => {
  const { report, machine, told } = reported();
  await Promise.all([report.tell("changed"), report.tell("changed")]);
  await report.connected();
  assert.deepEqual(told, ["host 6.12 1.21"]);
  machine.version = "1.22";
  await report.tell("changed");
  await report.tell("always");
  assert.deepEqual(told.slice(1), ["host 6.12 1.22", "host 6.12 1.22"]);
});

test("a control plane without a place for it is not asked again until the next connection, and that is no error", async () => {
  let has = false;
  const { report, told } = reported(() => {
    if (!has) throw new ConnectError("unknown service", Code.Unimplemented);
  });
  await report.tell("changed");
  await report.tell("always");
  assert.equal(told.length, 1);
  has = true;
  await report.connected();
  await report.tell("always");
  assert.equal(told.length, 3);
});

test("what was refused is told again", async () => {
  let refused = true;
  const { report, told } = reported(() => {
    if (refused) throw new ConnectError("no", Code.PermissionDenied);
  });
  await assert.rejects(report.tell("changed"), { code: "failed", message: "API: no" });
  refused = false;
  await report.tell("changed");
  assert.equal(told.length, 2);
});
