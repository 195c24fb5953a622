import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type CliResult, runCli, TemporaryDirectory } from "../../../testing/cli-process.ts";
import { nibInside } from "../../../testing/run-inside.ts";
import { StandInDaemon } from "../../../testing/stand-in-daemon.ts";
import { junitReport } from "./reports.ts";

const document = readFileSync(new URL("../../../../../../docs/plugin-tests.md", import.meta.url), "utf8");

/** The text of a block of the document. */
function block(kind: string): string {
  const found = document.split("```").find((part) => part.startsWith(`${kind}\n`));
  assert.ok(found, `docs/plugin-tests.md has no block ${kind}`);
  return found.slice(kind.length + 1);
}

/** An image with the plugin and the tests of the document, for two variants. */
function image(variants: readonly string[]): TemporaryDirectory {
  const directory = new TemporaryDirectory();
  const babel = {
    version: "1.0.0",
    container_uri: "docker-daemon://acme:latest",
    protocol_key: "acme",
    visibility: "public",
    properties: [],
    variants: variants.map((key) => ({
      key,
      sku_code: "ACM-XX",
      archive_pointers: [],
      min_cpu: 1,
      min_memory_mb: 1,
      min_disk_gb: 1,
    })),
    firewall_config: { default_in: "deny", default_out: "allow", rules: [] },
  };
  writeFileSync(join(directory.path, "babel.yaml"), JSON.stringify(babel));
  writeFileSync(join(directory.path, "main.rhai"), block("rhai"));
  mkdirSync(join(directory.path, "tests"));
  writeFileSync(join(directory.path, "tests/main.test.rhai"), block("rhai test"));
  return directory;
}

function nibTest(directory: TemporaryDirectory, ...args: string[]): Promise<CliResult> {
  return nibInside(["image", "test", ...args], { cwd: directory.path, env: { HOME: "/nonexistent" } });
}

const untimed = (text: string): string => text.replaceAll(/ {2}\d+ ms$/gm, "");

test("docs/plugin-tests.md: the first test, as it is printed", async () => {
  using directory = image(["main"]);
  const options = { cwd: directory.path, env: { HOME: "/nonexistent" } };
  const { status, stdout, stderr } = await runCli("nib", ["image", "test"], options);
  assert.equal(untimed(`$ nib image test\n${stdout}`), block("console"));
  assert.deepEqual([status, stderr], [3, "Error: 1 of 14 tests failed (NIB300)\n"]);
});

test("secrets that are given, templates of the working tree, and files of the base image, or what stands for them", async () => {
  using directory = image(["main"]);
  const file = join(directory.path, "tests/more.test.rhai");
  writeFileSync(
    join(directory.path, "main.rhai"),
    'import "base" as base; import "more" as more; fn f() { base::nothing(); more::of_the_base(); render_template("/var/lib/babel/templates/x", "/etc/x", #{ s: get_secret("some-key").as_string() }); "" }',
  );
  mkdirSync(join(directory.path, "templates"));
  mkdirSync(join(directory.path, "tests/stubs"));
  writeFileSync(join(directory.path, "tests/stubs/base.rhai"), "fn nothing() {}");
  writeFileSync(join(directory.path, "tests/stubs/more.rhai"), "");
  const inBase = join(directory.path, "base/var/lib/babel/plugin");
  mkdirSync(inBase, { recursive: true });
  writeFileSync(join(inBase, "more.rhai"), "fn of_the_base() {}");
  writeFileSync(join(directory.path, "templates/x"), "key={{ s }}");
  writeFileSync(file, 'fn test_s() { plugin.call("f"); assert_eq(host.read("/etc/x"), "key=a=b"); }\n');
  const { status, stderr } = await nibTest(
    directory,
    ...["tests/more.test.rhai", "--secret", "some-key=a=b", "--include", "base"],
  );
  assert.deepEqual([status, stderr], [0, ""]);
});

test("variants, snapshots, documents and TAP", async () => {
  using directory = image(["one", "two"]);
  const file = join(directory.path, "tests/more.test.rhai");
  writeFileSync(file, 'fn test_s() { snapshot("services", plugin.config().services.len()); }\n');
  const updated = await nibTest(directory, "tests/more.test.rhai", "--update", "--coverage", "--format", "json");
  assert.deepEqual(JSON.parse(updated.stdout.replaceAll(/"ms":\d+/g, '"ms":0')), {
    ok: true,
    command: "image.test",
    data: {
      passed: 2,
      failed: 0,
      snapshots_written: ["tests/__snapshots__/more.test.rhai.json"],
      coverage: [{ file: "main.rhai", lines: 3, missed: [9, 13] }],
      tests: ["one", "two"].map((variant) => ({
        file: "more.test.rhai",
        line: 1,
        variant,
        ms: 0,
        name: "test_s",
        status: "passed",
      })),
    },
    warnings: [],
  });
  const kept = join(directory.path, "tests/__snapshots__/more.test.rhai.json");
  const entries = { "test_s (one): services": 1, "test_s (two): services": 1 };
  assert.deepEqual(JSON.parse(readFileSync(kept, "utf8")), entries);
  writeFileSync(kept, JSON.stringify({ ...entries, "test_s (two): services": 2 }));
  const changed = await nibTest(directory, "--filter", "test_s$", "--format", "tap", "--path", ".");
  assert.deepEqual(
    [changed.status, changed.stdout],
    [
      3,
      [
        "TAP version 14",
        "1..2",
        "ok 1 - more.test.rhai: test_s (one)",
        "not ok 2 - more.test.rhai: test_s (two)",
        "  ---",
        `  message: "snapshot 'services': it was 2, now it is 1"`,
        '  at: "tests/more.test.rhai:1:15"',
        "  ...",
        "",
      ].join("\n"),
    ],
  );
});

test("the report for build servers is XML, whatever a test says", () => {
  const passed = { file: "a.test.rhai", fn: "test_a", line: 1, variant: "v", ms: 1 };
  const failure = { message: 'a < b & "c"\n\u0007', diagnostics: [] };
  assert.equal(
    junitReport([passed, { ...passed, fn: "", ms: 2, failure }]),
    [
      '<?xml version="1.0" encoding="UTF-8"?>',
      '<testsuites tests="2" failures="1" time="0.003">',
      '  <testsuite name="nib image test" tests="2" failures="1" time="0.003">',
      '    <testcase classname="a.test.rhai (v)" name="test_a" time="0.001"/>',
      '    <testcase classname="a.test.rhai (v)" name="a.test.rhai" time="0.002">',
      '      <failure message="a &lt; b &amp; &quot;c&quot;&#10;\ufffd"></failure>',
      "    </testcase>",
      "  </testsuite>",
      "</testsuites>",
      "",
    ].join("\n"),
  );
});

test("mistakes on the command line are told before anything runs", async () => {
  using directory = image(["one"]);
  const wrong = [
    await nibTest(directory, "main.rhai"),
    await nibTest(directory, "--variant", "three"),
    await nibTest(directory, "--filter", "("),
    await nibTest(directory, "--as", "x"),
    await nibTest(directory, "--include", "nowhere"),
  ];
  assert.deepEqual(
    wrong.map(({ status, stderr }) => [status, stderr.split("\n")[0]]),
    [
      [1, "Error: main.rhai is no file of tests in tests (NIB004)"],
      [1, "Error: variant 'three' is not defined (NIB230)"],
      [2, "Error: '(' is not a regular expression (NIB001)"],
      [2, "Error: --function and --as say what --record does: name a node with it (NIB001)"],
      [1, "Error: cannot read the plugin directory nowhere (NIB004)"],
    ],
  );
});

test("--record keeps what a node answered, warns of what it could not, and refuses what is of another image", async () => {
  using directory = image(["one"]);
  const recording = {
    v: 1,
    image: { protocol: "acme", variant: "one", version: "1.0.0" },
    env: {},
    params: {},
    functions: [
      { function: "height", at: "2026-01-01T00:00:00Z", result: "1", calls: [] },
      { function: "name", at: "2026-01-01T00:00:00Z", error: "no name", calls: [] },
    ],
  };
  await using daemon = await StandInDaemon.start(() => ({ recording: JSON.stringify(recording) }));
  const record = (...words: string[]) =>
    nibInside(["image", "test", "--record", "me", ...words], { cwd: directory.path, env: daemon.env });
  writeFileSync(join(directory.path, "main.rhai"), "fn height() { 1 }");
  const words = ["--filter", "recorded", "--function", "f=a=b", "--function", "g"];
  const { status, stdout, stderr } = await record(...words);
  assert.deepEqual(
    [status, untimed(stdout), stderr],
    [
      0,
      "Wrote tests/fixtures/one.json: height\n\npass  main.rhai: functions as recorded\n1 passed, 0 failed\n",
      "Recording me …\nWarning: name() will not be replayed: no name (NIB532)\n",
    ],
  );
  const also = [
    { function: "f", param: "a=b" },
    { function: "g", param: "" },
  ];
  assert.deepEqual(daemon.requests, [{ method: "RecordPlugin", message: { node: "me", also } }]);
  const file = join(directory.path, "tests/fixtures/one.json");
  assert.deepEqual(JSON.parse(readFileSync(file, "utf8")), recording);

  recording.image.variant = "two";
  const other = await record();
  recording.v = 2;
  const newer = await record();
  writeFileSync(file, "{}");
  const broken = await nibTest(directory);
  assert.deepEqual(
    [other, newer, broken].map((one) => [one.status, one.stderr.replace("Recording me …\n", "").split("\n")[0]]),
    [
      [1, "Error: the node is acme/two, which babel.yaml does not have (NIB230)"],
      [1, "Error: the daemon's recording is not understood (NIB908)"],
      [1, "Error: tests/fixtures/one.json is no recording of a node (NIB004)"],
    ],
  );
});

test("--watch runs the tests again after a change, also of what did not compile, and ends with Ctrl-C", {
  timeout: 30_000,
}, async () => {
  using directory = image(["one"]);
  const file = join(directory.path, "tests/watched.test.rhai");
  writeFileSync(file, "fn test_w() { }\n");
  let said = "";
  const rounds: (readonly [after: string, change: string | undefined])[] = [
    ["1 passed, 0 failed", "fn test_w() { assert(false,"],
    ["0 passed, 1 failed", "fn test_w() { assert(true); }\nfn test_x() { }\n"],
    ["2 passed, 0 failed", undefined],
  ];
  const interrupt = new AbortController();
  const onText = (text: string): void => {
    said += text;
    const [after, change] = rounds[0] ?? ["never", undefined];
    if (!said.includes(after) || !said.includes("Waiting for a change")) return;
    rounds.shift();
    said = "";
    if (change === undefined) interrupt.abort();
    else writeFileSync(file, change);
  };
  const words = ["image", "test", "--watch", "tests/watched.test.rhai"];
  const { status } = await nibInside(words, { cwd: directory.path, signal: interrupt.signal, onText });
  assert.deepEqual([rounds, status], [[], 130]);
});
