import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, rm, stat } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { clients } from "./testing/clients.ts";
import { newDataDir } from "./testing/data-dir.ts";

const entry = fileURLToPath(new URL("main.ts", import.meta.url));

interface Server {
  readonly process: ChildProcess;
  readonly url: string;
  readonly said: () => string;
}

async function run(
  args: readonly string[],
): Promise<{ readonly code: number; readonly out: string; readonly error: string }> {
  const child = spawn(process.execPath, [entry, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let [out, error] = ["", ""];
  child.stdout.on("data", (chunk) => (out += chunk));
  child.stderr.on("data", (chunk) => (error += chunk));
  const [code] = await once(child, "close");
  return { code, out, error };
}

describe("the server as a process", () => {
  let dataDir = "";
  let server: Server;
  let password = "";
  const flags = () => ["--data-dir", dataDir, "--port", "0", "--mqtt-port", "0", "--log-level", "error"];

  async function serve(): Promise<Server> {
    const child = spawn(process.execPath, [entry, "serve", ...flags()], { stdio: ["ignore", "pipe", "inherit"] });
    let said = "";
    await new Promise<void>((resolve, reject) => {
      child.stdout.on("data", (chunk) => {
        said += chunk;
        if (said.includes("mqtt: ")) resolve();
      });
      child.once("exit", (code) => reject(new Error(`ended with ${code}: ${said}`)));
    });
    return { process: child, url: /^api: +(\S+)$/m.exec(said)?.[1] ?? "", said: () => said };
  }
  const login = async () => {
    const { token } = await clients(server.url).auth.login({ email: "admin@blockvisor.local", password });
    return clients(server.url, token);
  };

  before(async () => {
    dataDir = await newDataDir();
    server = await serve();
  });
  after(async () => {
    server.process.kill("SIGKILL");
    await rm(dataDir, { recursive: true, force: true });
  });

  test("shows the first administrator's password once and keeps only its hash; keys are private", async () => {
    password = /password: (\S+)/.exec(server.said())?.[1] ?? "";
    await login();
    assert.equal((await stat(path.join(dataDir, "keys.json"))).mode & 0o777, 0o600);
    assert.ok(!(await readFile(path.join(dataDir, "keys.json"), "utf8")).includes(password));
  });

  test("refuses a second process on the same directory", async () => {
    const second = await run(["serve", ...flags()]);
    assert.equal(second.code, 1);
    assert.match(second.error, /is in use by another blockvisor-api; stop that one first/);
  });

  test("killed in the middle of writing, again and again, it loses nothing it has acknowledged", async () => {
    const acknowledged: string[] = [];
    for (let round = 0; round < 3; round += 1) {
      const as = await login();
      const gone = once(server.process, "exit");
      let writing = true;
      const writers = Array.from({ length: 4 }, async (_, writer) => {
        for (let number = 0; writing; number += 1) {
          const key = `crash-${round}-${writer}-${number}`;
          try {
            await as.protocol.addProtocol({ key, name: key });
            acknowledged.push(key);
          } catch {
            return;
          }
          if (acknowledged.length >= (round + 1) * 25 && writing) {
            writing = false;
            server.process.kill("SIGKILL");
          }
        }
      });
      await Promise.all([...writers, gone]);
      server = await serve();
      assert.ok(!server.said().includes("password"), "the credentials are not shown again");
    }
    const as = await login();
    const { protocols } = await as.protocol.listProtocols({ limit: 1000n });
    const stored = new Set(protocols.map((protocol) => protocol.key));
    assert.deepEqual(
      acknowledged.filter((key) => !stored.has(key)),
      [],
    );
  });

  test("ends cleanly when it is told to", async () => {
    const exited = once(server.process, "exit");
    server.process.kill("SIGTERM");
    assert.deepEqual(await exited, [0, null]);
  });

  test("first aid for the locked out, with the server stopped", async () => {
    const reset = await run(["reset-password", "admin@blockvisor.local", ...flags()]);
    assert.equal(reset.code, 0, reset.error);
    const old = password;
    password = /: (\S+)$/m.exec(reset.out)?.[1] ?? "";
    const nobody = await run(["grant-admin", "nobody@example.com", ...flags()]);
    assert.deepEqual([nobody.code, nobody.error], [1, "blockvisor-api: There is no user nobody@example.com.\n"]);
    server = await serve();
    assert.notEqual(old, password);
    await login();
  });

  test("bad settings are all named at once, before anything is started", async () => {
    const wrong = await run(["serve", "--data-dir", dataDir, "--port", "http", "--database-url", "mysql://x"]);
    assert.equal(wrong.code, 1);
    assert.match(
      wrong.error,
      /The configuration is not valid:\n {2}port: .*\n {2}databaseUrl: has to start with postgres/,
    );
    const unknown = await run(["serve", "--prot", "1"]);
    assert.equal(unknown.code, 2);
    assert.match(unknown.error, /Unknown option '--prot'/);
  });
});
