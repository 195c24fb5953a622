import assert from "node:assert/strict";
import { once } from "node:events";
import { rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ErrorDetailSchema } from "@blockvisor/wire/blockvisor/babel/v1/babel";
import { ConnectError } from "@connectrpc/connect";
import { builtAgent, statusOf, TestAgent } from "../testbed/agent.ts";

const bundle = await builtAgent();
after(() => rm(dirname(bundle.folder), { recursive: true, force: true }));

type Check = { case: "sh"; value: string } | { case: "tcp"; value: number } | { case: "http"; value: string };

describe("a service with a ready_check (D3-21)", () => {
  let agent: TestAgent;
  before(async () => {
    agent = await TestAgent.start(bundle);
  });
  after(() => agent.dispose());

  const service = (name: string, check: Check, more = {}) =>
    agent.run(name, "exec sleep 1000", { readyCheck: { check }, ...more });
  /** Who waits for it, in either way. */
  const dependents = async (name: string) => {
    await agent.run(`${name}-needs`, "exec sleep 1000", { needs: [name] });
    await agent.run(`${name}-waits`, "exec sleep 1000", { waitFor: [name] });
  };
  const ready = async (name: string): Promise<boolean | undefined> => {
    const { status } = (await agent.info(name)).status!;
    return status.case === "running" ? status.value.ready : undefined;
  };
  const waiting = async (name: string): Promise<void> => {
    await agent.running(name);
    assert.equal(await ready(name), false);
    for (const each of [`${name}-needs`, `${name}-waits`]) {
      const { status } = (await agent.info(each)).status!;
      assert.deepEqual(status.case === "pending" && status.value.waitingFor, [name]);
    }
  };
  const goOn = async (name: string): Promise<void> => {
    for (const each of [`${name}-needs`, `${name}-waits`]) await agent.running(each);
    assert.equal(await ready(name), true);
  };

  test("a port: dependents run as soon as it takes connections, and one that has no check is waited for to its end", async (t) => {
    const server = createTcpServer((socket) => socket.destroy());
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    await service("port", { case: "tcp", value: port });
    await agent.run("unchecked", "exec sleep 1000");
    await agent.run("patient", "true", { waitFor: ["port", "unchecked"] });
    await dependents("port");
    await waiting("port");
    await once(server.listen(port, "127.0.0.1"), "listening");
    t.after(() => new Promise((resolve) => server.close(resolve)));
    await goOn("port");
    const { status } = (await agent.info("patient")).status!;
    assert.deepEqual(status.case === "pending" && status.value.waitingFor, ["unchecked"]);
    assert.equal(await ready("unchecked"), undefined);
  });

  test("a URL: 2xx is ready, anything else is not", async (t) => {
    let answer = 503;
    const server = createServer((_request, response) => response.writeHead(answer).end());
    await once(server.listen(0, "127.0.0.1"), "listening");
    t.after(() => new Promise((resolve) => server.close(resolve)));
    const { port } = server.address() as AddressInfo;
    await service("url", { case: "http", value: `http://127.0.0.1:${port}/health` });
    await dependents("url");
    await once(server, "request");
    await waiting("url");
    answer = 204;
    await goOn("url");
  });

  test("a script: ready is the run, not the job; a killed babel looks again, and what runs goes on", async () => {
    const up = join(agent.root, "up");
    await service("script", { case: "sh", value: `[ -e ${up} ]` });
    await dependents("script");
    await waiting("script");
    await agent.restart();
    await waiting("script");
    await writeFile(up, "");
    await goOn("script");
    const { run } = await agent.info("script-needs");

    await agent.restart();
    await agent.reaches(
      "script",
      (job) => job.status?.status.case === "running" && job.status.status.value.ready === true,
    );
    assert.deepEqual((await agent.info("script-needs")).run, run);

    await rm(up);
    for (const name of ["script-needs", "script-waits", "script"]) await agent.jobs.stopJob({ name });
    for (const name of ["script", "script-needs", "script-waits"]) await agent.jobs.startJob({ name });
    await waiting("script");
    await agent.jobs.stopJob({ name: "script" });
    const failed = await agent.finished("script-needs");
    assert.equal(failed.lastFailure, "job 'script-needs' needs 'script', but it was stopped");
    assert.equal(statusOf(await agent.running("script-waits")), "running");
  });

  test("what is no check is refused", async () => {
    const refusal = async (check: Check | undefined, more = {}): Promise<string> => {
      const failure = await agent
        .create("refused", "true", { readyCheck: check === undefined ? {} : { check }, ...more })
        .catch((error: unknown) => ConnectError.from(error));
      const detail = failure?.findDetails(ErrorDetailSchema)[0];
      return `${detail?.code}: ${detail?.message}`;
    };
    const told = "job-config-invalid: job 'refused': ready_check";
    assert.equal(await refusal({ case: "tcp", value: 0 }), `${told}: 0 is no port`);
    assert.equal(await refusal({ case: "tcp", value: 65_536 }), `${told}: 65536 is no port`);
    assert.equal(await refusal({ case: "http", value: "localhost:80" }), `${told}: not an http(s) URL`);
    assert.equal(await refusal({ case: "sh", value: " " }), `${told}: sh is empty`);
    assert.equal(await refusal(undefined), `${told} says nothing`);
    const jobType = { kind: { case: "download" as const, value: {} } };
    assert.equal(await refusal({ case: "tcp", value: 1 }, { jobType }), `${told} is for run_sh jobs`);
  });
});
