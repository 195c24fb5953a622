import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";

/** What a process with the daemon's policy logs when `trouble` happens in it, what it says at its end, and how it ends. */
function live(trouble: string) {
  const source = `
    import { connect } from "node:net";
    import { setTimeout as pause } from "node:timers/promises";
    import pino from "pino";
    import { watchUnexpectedErrors } from ${JSON.stringify(join(import.meta.dirname, "unexpected-errors.ts"))};
    const log = pino({ base: null, timestamp: false, formatters: { level: (level) => ({ level }) } });
    const unexpected = watchUnexpectedErrors(log);
    ${trouble}
    console.log(JSON.stringify(unexpected.conditions()));
  `;
  const { status, stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", source], {
    cwd: import.meta.dirname,
    encoding: "utf8",
    timeout: 60_000,
  });
  const said = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const logged = said.filter((line) => !Array.isArray(line)).map(({ level, code, msg }) => `${level} ${code} ${msg}`);
  return { status, logged, conditions: said.find((line) => Array.isArray(line)) };
}

test("work that fails without anybody waiting, and a connection that nobody listens to, do not end the daemon, and are told", () => {
  const trouble = `
    Promise.reject(new Error("one"));
    connect("/nowhere/s.sock");
    await pause(1);
    while (unexpected.conditions()[0]?.message.includes("2 times") !== true) await pause(1);
  `;
  assert.deepEqual(live(trouble), {
    status: 0,
    logged: ["error internal unexpected: one", "error internal unexpected: connect ENOENT /nowhere/s.sock"],
    conditions: [
      {
        name: "internal",
        ok: false,
        message:
          "something failed unexpectedly, 2 times since the start: connect ENOENT /nowhere/s.sock; report it with the log of blockvisord",
      },
    ],
  });
});

test("after an exception out of a callback the process ends, with a status that says so", () => {
  const table: [trouble: string, message: string][] = [
    ["undefined.x", "Cannot read properties of undefined (reading 'x')"],
    ['process.chdir("/nowhere")', "ENOENT: no such file or directory, chdir '/' -> '/nowhere'"],
  ];
  for (const [trouble, message] of table) {
    assert.deepEqual(live(`process.chdir("/"); setImmediate(() => ${trouble}); await pause(60_000);`), {
      status: 70,
      logged: [`fatal internal unexpected: ${message}; ending, to go on from what is on disk`],
      conditions: undefined,
    });
  }
});
