import assert from "node:assert/strict";
import { test } from "node:test";
import { jobVerbs } from "./verbs.ts";
import { nodeBeforeSubCommand } from "./words.ts";

const cases: readonly (readonly [typed: string, meant: string])[] = [
  ["list", "list"],
  ["ls", "ls"],
  ["my-node list", "list --node my-node"],
  ["my-node info init", "info --node my-node init"],
  ["my-node logs -f", "logs --node my-node -f"],
  ["my-node logs node -f -l 10", "logs --node my-node node -f -l 10"],
  ["info init my-node", "info init my-node"],
  ["start init", "start init"],
  ["list list", "list --node list"],
  ["start list", "start list"],
  ["start list my-node", "list --node start my-node"],
  ["stop --all", "stop --all"],
  ["--help", "--help"],
  ["--format json my-node list", "--format json list --node my-node"],
];

for (const [typed, word] of [
  ["my-node typo", "typo"],
  ["my-node", "my-node"],
] as const) {
  test(`bv node job ${typed} names the word that is no command, and those that are`, () => {
    assert.throws(() => nodeBeforeSubCommand(typed.split(" "), jobVerbs), {
      message: `'${word}' is nothing that can be done with jobs`,
      details: {
        hint: "`bv node job [NODE] COMMAND` with one of list, start, stop, restart, skip, cleanup, reset, delete, info, logs, graph, limits",
      },
    });
  });
}

for (const [typed, meant] of cases) {
  test(`bv node job ${typed}`, () => {
    assert.equal(nodeBeforeSubCommand(typed.split(" "), jobVerbs).join(" "), meant);
  });
}
