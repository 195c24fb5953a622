import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseTemplate } from "./parser.ts";
import { render } from "./renderer.ts";
import { TemplateFailure } from "./source.ts";

const WORDS = [
  ...[
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "#}",
    "{%-",
    "-%}",
    "(",
    ")",
    "[",
    "]",
    "|",
    ".",
    ",",
    "=",
    "==",
    "<",
    "+",
    "-",
    "*",
    "/",
    "~",
    "'",
    '"',
    "\n",
    " ",
  ],
  ...[
    "if",
    "elif",
    "else",
    "endif",
    "for",
    "in",
    "endfor",
    "set",
    "x",
    "y",
    "l",
    "loop",
    "not",
    "and",
    "is",
    "defined",
    "macro",
    "endmacro",
    "self::",
  ],
  ...[
    "block",
    "endblock",
    "filter",
    "endfilter",
    "raw",
    "endraw",
    "upper",
    "length",
    "default(value=1)",
    "range(end=3)",
    "1",
    "2.5",
    "true",
    "super()",
  ],
];

test("whatever the text: a result, or a failure with a place in it", () => {
  const text = fc.array(fc.oneof(fc.constantFrom(...WORDS), fc.string({ maxLength: 3 })), { maxLength: 30 });
  fc.assert(
    fc.property(text, fc.constantFrom("", " "), (words, glue) => {
      const source = { path: "/t", text: words.join(glue) };
      try {
        const params = { x: 1, y: "text", l: [1, { x: 2 }] };
        const output = render(parseTemplate(source), params, { load: () => undefined, env: {}, escape: false });
        assert.equal(typeof output, "string");
      } catch (error) {
        assert.ok(error instanceof TemplateFailure, String(error));
        assert.match(error.message, /^\/t:\d+:\d+: /);
        assert.ok(error.span.from <= source.text.length);
      }
    }),
    { numRuns: 3_000 },
  );
});

test("text without delimiters comes out as it went in", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      fc.pre(!/\{[{%#]/.test(text));
      const output = render(parseTemplate({ path: "/t", text }), {}, { load: () => undefined, env: {}, escape: true });
      assert.equal(output, text);
    }),
  );
});
