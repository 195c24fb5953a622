import assert from "node:assert/strict";
import { test } from "node:test";
import { type Diagnostic, githubCommands, sarifLog } from "../index.ts";

const FINDINGS: readonly Diagnostic[] = [
  {
    code: "NIB506",
    severity: "error",
    message: "there is no function 'a'",
    file: "plug in/main.rhai",
    range: { start: { line: 2, column: 3 }, end: { line: 2, column: 4 } },
    help: "did you mean b?",
  },
  { code: "NIB216", severity: "warning", message: "100 % sure, or not: so", file: "babel.yaml" },
  { code: "NIB216", severity: "warning", message: "100 % sure, or not: so", file: "babel.yaml" },
  { code: "NIB605", severity: "info", message: "the node has no jobs" },
];

test("SARIF 2.1.0 has what code hosts ask for: rules, and a result with level, message and one place each", () => {
  const result = (ruleId: string, ruleIndex: number, level: string, text: string, uri: string, region: object) => ({
    ruleId,
    ruleIndex,
    level,
    message: { text },
    locations: [{ physicalLocation: { artifactLocation: { uri }, region } }],
  });
  assert.deepEqual(sarifLog(FINDINGS, { name: "nib", version: "1.2.3", fallback: "babel.yaml" }), {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: {
          driver: {
            name: "nib",
            semanticVersion: "1.2.3",
            rules: [
              { id: "NIB216", shortDescription: { text: "metadata" } },
              { id: "NIB506", shortDescription: { text: "unknown function or wrong number of arguments" } },
              { id: "NIB605", shortDescription: { text: "no jobs" } },
            ],
          },
        },
        columnKind: "utf16CodeUnits",
        results: [
          result("NIB506", 1, "error", "there is no function 'a'\ndid you mean b?", "plug%20in/main.rhai", {
            startLine: 2,
            startColumn: 3,
            endLine: 2,
            endColumn: 4,
          }),
          result("NIB216", 0, "warning", "100 % sure, or not: so", "babel.yaml", { startLine: 1, startColumn: 1 }),
          result("NIB605", 2, "note", "the node has no jobs", "babel.yaml", { startLine: 1, startColumn: 1 }),
        ],
      },
    ],
  });
});

test("commands of a GitHub workflow, in which nothing of a message is a command", () => {
  assert.equal(
    githubCommands(FINDINGS),
    [
      "::error file=plug in/main.rhai,line=2,col=3,endLine=2,title=NIB506::there is no function 'a'%0Adid you mean b?",
      "::warning file=babel.yaml,title=NIB216::100 %25 sure, or not: so",
      "::notice title=NIB605::the node has no jobs",
      "",
    ].join("\n"),
  );
});
