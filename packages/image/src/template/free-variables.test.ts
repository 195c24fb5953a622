import assert from "node:assert/strict";
import { test } from "node:test";
import { parseTemplate, position, render, TemplateFailure, variablesOf } from "./index.ts";

const variables = (text: string) => variablesOf(parseTemplate({ path: "t", text }));

test("the variables that a template needs, and where it needs them first", () => {
  const table: [template: string, ...needed: string[]][] = [
    ["{{ a }}\n{{ b.c[d] }}{{ a }}", "a", "b", "d"],
    ["{{ a | default(value=b) }}{{ c | lower | replace(from=d, to='') }}", "b", "c", "d"],
    ["{% if a %}{{ a }}{{ b }}{% elif not c %}{{ c }}{% else %}{{ a }}{% endif %}", "b"],
    ["{% if a is defined and a == 1 %}{{ a }}{% endif %}"],
    ["{% for x in list %}{{ loop.index }}{{ x }}{{ y }}{% else %}{{ x }}{% endfor %}", "list", "y", "x"],
    ["{% for k, v in map %}{{ k }}{{ v }}{% endfor %}", "map"],
    ["{% set a = b %}{{ a }}{% filter replace(from=c, to='') %}{{ d }}{% endfilter %}", "b", "c", "d"],
    ["{% block x %}{{ a + -b }}{% endblock %}{{ [c, 1] }}{{ range(end=n) }}", "a", "b", "c", "n"],
    ["{% raw %}{{ a }}{% endraw %}{# {{ b }} #}{{ get_env(name='X') }}"],
    ["{% macro m(a) %}{{ a }}{% endmacro %}{{ self::m(a=b) }}", "b"],
  ];
  for (const [template, ...needed] of table) {
    assert.deepEqual(
      variables(template).map(({ name }) => name),
      needed,
      template,
    );
  }
  assert.deepEqual(
    variables("{{ a }}\n{{ b.c[d] }}{{ a }}").map(({ span }) => position(span)),
    [
      { line: 1, column: 4 },
      { line: 2, column: 4 },
      { line: 2, column: 8 },
    ],
  );
});

test("a failure tells its places one by one", () => {
  const template = parseTemplate({ path: "t", text: "{{ a }}\n {{ b }}" });
  const around = { load: () => undefined, env: {}, escape: false };
  assert.throws(
    () => render(template, {}, around),
    (error: unknown) => {
      assert.ok(error instanceof TemplateFailure);
      assert.deepEqual(
        [error.what, ...error.parts.map((part) => [part.what, position(part.span)])],
        [
          "2 undefined variables",
          ["variable 'a' is not defined", { line: 1, column: 4 }],
          ["variable 'b' is not defined", { line: 2, column: 5 }],
        ],
      );
      return true;
    },
  );
});
