import { regularExpression } from "../../../command/values.ts";
import { verb } from "../../../command/verb.ts";
import { metadataPath } from "../../metadata/metadata-path.ts";
import { pathOrBesideOption, propsOption, secretOption } from "../path-option.ts";

const reports = ["pretty", "tap", "junit"] as const;

export interface TestOptions {
  readonly path: string;
  readonly pluginDir?: string;
  readonly include?: readonly string[];
  readonly variant?: readonly string[];
  readonly props?: string;
  readonly secret?: readonly string[];
  readonly filter?: RegExp;
  readonly coverage?: true;
  readonly update?: true;
  readonly watch?: true;
  /** A dev node. */
  readonly record?: string;
  readonly function?: readonly string[];
  readonly as?: string;
  readonly shReal?: true;
  readonly report: (typeof reports)[number];
}

type GivenOptions = Omit<TestOptions, "path"> & { readonly path?: string };

export const testVerb = verb<GivenOptions, [files: readonly string[]]>({
  name: "test",
  summary: "run the tests of the plugin, without a container, a network or a node",
  details:
    "The tests are the functions `test_…()` of tests/*.test.rhai beside main.rhai. Each runs with a host of its own, for every\n" +
    'variant: it drives the plugin (`plugin.init()`), says how the world answers (`host.sh("date", "…")`), lets jobs end\n' +
    '(`jobs.finish("download")`) and time pass (`clock.advance(60)`), and asserts. What the plugin asks for and the test says\n' +
    "nothing about fails the test. docs/plugin-tests.md tells all of it.\n\n" +
    "Without any test: what every plugin has to stand. Init and upload in all their forms lead to services that run, also after\n" +
    "failures; functions end cleanly whatever they are answered; scheduled functions can be called.",
  examples: [
    ["nib image test", "all tests, for every variant"],
    ["nib image test --filter height", "those with `height` in their name"],
    ["nib image test --watch --filter height", "the same after every save"],
    ["nib image test --coverage", "and which lines of the plugin they do not run"],
    ["nib image test --update", "what `snapshot()` sees is right from now on"],
    ["nib image test --record me", "keep what the functions of a dev node ask and are answered, and replay it"],
    ["nib image test --report junit > results.xml", "for a build server"],
  ],
  arguments: [
    {
      usage: "[files...]",
      summary: "files of tests (default: all of tests/, and what needs no test)",
      completes: "file",
    },
  ],
  options: [
    pathOrBesideOption,
    {
      flags: "--plugin-dir <directory>",
      summary: "the plugin and its tests (default: where babel.yaml is)",
      completes: "directory",
    },
    {
      flags: "--include <place>",
      summary:
        "more files of the plugin: a directory of them, or its base image, extracted or as oci:PATH and the like; may be repeated",
      repeats: true,
      completes: "directory",
    },
    {
      flags: "--variant <key>",
      summary: "only for this variant; may be repeated",
      repeats: true,
      completes: "variant",
    },
    propsOption,
    secretOption,
    { flags: "--filter <regexp>", summary: "only tests with such a name", parse: regularExpression },
    { flags: "--coverage", summary: "tell which lines of the plugin the tests run" },
    { flags: "--update", summary: "keep what snapshots, and the jobs of each variant, are now" },
    { flags: "--watch", summary: "run again after every change, until Ctrl-C" },
    {
      flags: "--record <node>",
      summary:
        "first call the functions of a running dev node, and keep what they ask and are answered in tests/fixtures/",
      completes: "node",
    },
    {
      flags: "--function <name>",
      summary: "with --record: this one too, NAME or NAME=PARAMETER; may be repeated",
      repeats: true,
    },
    { flags: "--as <name>", summary: "with --record: the name of the recording (default: the variant)" },
    { flags: "--sh-real", summary: "let tests run commands of the plugin on this machine, where they ask for it" },
    {
      flags: "--report <form>",
      summary: "how results are printed; --format knows these words, too",
      choices: reports,
      initial: "pretty",
    },
  ],
  rewrite: reportAsFormat,
  run: async (call) => {
    const options = { ...call.options, path: metadataPath(call.options) };
    await (await import("./test-image.ts")).testImage({ ...call, options });
  },
});

/** The forms of a report may be given as the format, too (spec plugin-api.md §9.2). */
function reportAsFormat(words: readonly string[]): readonly string[] {
  const isReport = (word: string | undefined): boolean => reports.some((report) => report === word);
  return words.map((word, index) => {
    if (word === "--format" && isReport(words[index + 1])) return "--report";
    return word.startsWith("--format=") && isReport(word.slice("--format=".length))
      ? `--report${word.slice("--format".length)}`
      : word;
  });
}
