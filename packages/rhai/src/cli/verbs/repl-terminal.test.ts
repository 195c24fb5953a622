import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

const folder = mkdtempSync(join(tmpdir(), "rhai-repl-"));
after(() => rmSync(folder, { recursive: true }));
const history = join(folder, "state/history");

/** A conversation on a real terminal (`script` of util-linux makes one): what is typed waits for what was shown. */
function terminal() {
  const main = fileURLToPath(new URL("../main.ts", import.meta.url));
  const child = spawn("/usr/bin/script", ["-qec", `'${process.execPath}' '${main}' repl`, "/dev/null"], {
    env: { ...process.env, RHAI_HISTORY: history, TERM: "xterm", NO_COLOR: "1" },
  });
  let shown = "";
  let wake = (): void => undefined;
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    shown += text;
    wake();
  });
  child.on("close", () => wake());
  return {
    type: (keys: string) => child.stdin.write(keys),
    /** Resolves when the text has been shown since the last call; fails when the conversation ends without it. */
    see: async (text: string): Promise<void> => {
      while (!shown.includes(text)) {
        if (child.exitCode !== null) assert.fail(`never saw ${JSON.stringify(text)} in ${JSON.stringify(shown)}`);
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      shown = shown.slice(shown.indexOf(text) + text.length);
    },
    ended: async (): Promise<void> => {
      if (child.exitCode === null) await once(child, "close");
      assert.equal(child.exitCode, 0);
    },
  };
}

test("prompts, several lines, completion and history work on a terminal", async () => {
  const first = terminal();
  await first.see("rhai> ");
  first.type("let counter = 41;\r");
  await first.see("rhai> ");
  first.type("coun");
  await first.see("coun");
  first.type("\t");
  await first.see("ter");
  first.type(" + 1\r");
  await first.see("42");
  await first.see("rhai> ");
  first.type("[1,\r");
  await first.see("... ");
  first.type("2].len()\r");
  await first.see("2\r\n");
  await first.see("rhai> ");
  first.type("\x04");
  await first.ended();

  assert.deepEqual(readFileSync(history, "utf8").trimEnd().split("\n"), [
    "let counter = 41;",
    "counter + 1",
    "[1,",
    "2].len()",
  ]);
  assert.equal(statSync(history).mode & 0o777, 0o600);

  const second = terminal();
  await second.see("rhai> ");
  second.type("\x1b[A");
  await second.see("2].len()");
  second.type("\x03");
  await second.see("rhai> ");
  second.type(":quit\r");
  await second.ended();
});
