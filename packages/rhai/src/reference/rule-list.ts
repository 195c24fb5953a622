import type { Rule } from "../check/rule.ts";
import { RULES } from "../check/rules.ts";

/** `docs/rules.md`: what the checker finds. */
export function ruleReference(): string {
  const rows = Object.entries<Rule>(RULES).map(
    ([code, { severity, about }]) => `| \`${code}\` | ${severity} | ${about} |`,
  );
  return `# What the checker finds

<!-- Generated from the sources by src/reference/main.ts: do not edit. -->

Besides every syntax error (whose code is its kind, such as \`MissingToken\`, \`DuplicatedProperty\` or \`Reserved\`), \`rhai check\` and
\`checkScript\` report:

| code | severity | what |
| --- | --- | --- |
${rows.join("\n")}
`;
}
