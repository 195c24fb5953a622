import type { TestResult } from "@blockvisor/plugin/testing";

const titleOf = ({ file, fn, variant }: TestResult): string => `${file}${fn === "" ? "" : `: ${fn}`} (${variant})`;

/** Test Anything Protocol, version 14. */
export function tapReport(results: readonly TestResult[]): string {
  const lines = results.flatMap((result, index) => {
    const { failure } = result;
    const title = titleOf(result).replaceAll(/[\\#]/g, "\\$&");
    if (failure === undefined) return [`ok ${index + 1} - ${title}`];
    const at = failure.diagnostics.at(-1);
    return [
      `not ok ${index + 1} - ${title}`,
      "  ---",
      `  message: ${JSON.stringify(failure.message)}`,
      ...(at?.range ? [`  at: ${JSON.stringify(`${at.file}:${at.range.start.line}:${at.range.start.column}`)}`] : []),
      "  ...",
    ];
  });
  return [`TAP version 14`, `1..${results.length}`, ...lines, ""].join("\n");
}

/** The XML that build servers read. */
export function junitReport(results: readonly TestResult[]): string {
  const failures = results.filter(({ failure }) => failure !== undefined).length;
  const time = results.reduce((sum, { ms }) => sum + ms, 0);
  const counts = `tests="${results.length}" failures="${failures}" time="${seconds(time)}"`;
  const cases = results.map((result) => {
    const { file, fn, variant, ms, failure } = result;
    const open = `    <testcase classname="${xml(`${file} (${variant})`)}" name="${xml(fn || file)}" time="${seconds(ms)}"`;
    if (failure === undefined) return `${open}/>`;
    return `${open}>\n      <failure message="${xml(failure.message)}">${xml(placesOf(result))}</failure>\n    </testcase>`;
  });
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${counts}>`,
    `  <testsuite name="nib image test" ${counts}>`,
    ...cases,
    "  </testsuite>",
    "</testsuites>",
    "",
  ].join("\n");
}

function placesOf({ failure }: TestResult): string {
  const places = (failure?.diagnostics ?? []).map(
    ({ file, range, message }) => `${file}${range ? `:${range.start.line}:${range.start.column}` : ""}: ${message}`,
  );
  return places.join("\n");
}

const seconds = (ms: number): string => (ms / 1000).toFixed(3);

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** XML has no place for control characters, not even as references. */
function xml(text: string): string {
  const printable = [...text].map((char) => (char < " " && char !== "\n" && char !== "\t" ? "\ufffd" : char)).join("");
  return printable.replaceAll(/[&<>"]/g, (char) => ENTITIES[char] ?? char).replaceAll("\n", "&#10;");
}
