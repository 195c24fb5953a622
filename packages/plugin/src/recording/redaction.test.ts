import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { percentEncode } from "../bindings/http-request.ts";
import { sanitizeShParam, shellQuote } from "../bindings/shell-quote.ts";
import { Redaction } from "./redaction.ts";

const jwt = 'pa"ss/wörd+1';
const redaction = new Redaction([
  ["REDACTED_SECRET_jwt", Buffer.from(`${jwt}\n`)],
  ["REDACTED_SECRET_pin", Buffer.from("on")],
  ["REDACTED_SECRET_raw", Uint8Array.of(255, 254, 1, 2, 3, 4, 5, 6, 7)],
  ["REDACTED_SECRET_same", Buffer.from("on")],
  ["REDACTED_SECRET_none", Buffer.from("")],
]);

test("a secret has the same placeholder in every form in which it can appear", () => {
  const raw = Buffer.of(255, 254, 1, 2, 3, 4, 5, 6, 7);
  const forms = [
    jwt,
    `x${jwt}\ny`,
    JSON.stringify({ key: jwt }),
    JSON.stringify({ inner: JSON.stringify([jwt]) }),
    `?p=${encodeURIComponent(jwt)}&q`,
    Buffer.from(jwt).toString("hex"),
    Buffer.from(jwt).toString("hex").toUpperCase(),
    Buffer.from(jwt).toString("base64"),
    Buffer.from(`u:${jwt}`).toString("base64url"),
    Buffer.from(`us:${jwt}@`).toString("base64"),
    raw.toString("hex"),
    raw.toString("base64"),
  ];
  for (const form of forms) {
    const found = redaction.text(form);
    assert.match(found, /REDACTED_SECRET_(jwt|raw)/, form);
    assert.doesNotMatch(found, /ss.{0,9}rd|fffe0102|cGEi|YSJzcy93/i, found);
    assert.equal(redaction.text(found), found);
  }
  assert.deepEqual(
    [
      [0, ...raw],
      [255, ...Buffer.from(jwt)],
      [255, ...Buffer.from(percentEncode(jwt))],
      [1, 2, 3],
    ].map((bytes) => redaction.isIn(Uint8Array.from(bytes))),
    [true, true, true, false],
  );
});

test("what the functions of the plugin API and other programs make of a secret is found", () => {
  const found = (secret: string, text: string) => new Redaction([["KEY", Buffer.from(secret)]]).text(text);
  const secret = "pa!ss(wo'rd)*long ~ö<&/";
  const forms = [
    "pa%21ss%28wo%27rd%29%2Along%20~%C3%B6%3C%26%2F",
    "pa!ss(wo'rd)*long%20~%c3%b6%3c%26%2f",
    "pa%21ss%28wo%27rd%29*long+%7E%C3%B6%3C%26%2F",
    "pa!ss(wo'\\''rd)*long ~ö<&/",
    String.raw`pa!ss(wo'rd)*long ~\u00f6<&/`,
    String.raw`pa!ss(wo\u0027rd)*long ~\u00F6\u003C\u0026/`,
    String.raw`pa!ss(wo'rd)*long ~ö\u003c\u0026/`,
    String.raw`pa!ss(wo'rd)*long ~ö<&\/`,
    "pa!ss(wo&#39;rd)*long ~ö&lt;&amp;/",
    JSON.stringify({ script: `login ${shellQuote(secret)}` }).slice(18, -3),
  ];
  for (const form of forms) assert.equal(found(secret, `http://h/${form}?a`), "http://h/KEY?a");
  assert.equal(found('a "b\nc" d', `echo ${sanitizeShParam('a "b\nc" d')}`), 'echo "KEY"');
  assert.equal(found(`"it's"`, `curl -d ${shellQuote(JSON.stringify({ p: `"it's"` }))}`), `curl -d '{"p":"KEY"}'`);
});

test("a short secret is a word, not a part of one; secrets with one value have one name", () => {
  assert.equal(redaction.text("json is on, --on=onto"), "json is REDACTED_SECRET_pin, --REDACTED_SECRET_pin=onto");
  assert.deepEqual(redaction.data({ on: [1, "on", null, { json: true }] }), {
    REDACTED_SECRET_pin: [1, "REDACTED_SECRET_pin", null, { json: true }],
  });
});

test("what looks like a credential goes, too, and is the same when it is redacted again", () => {
  const cases = [
    ["curl -H 'Authorization: Bearer abc.def' x", "curl -H 'Authorization: Bearer ***' x"],
    ['{"authorization":"abc"}', '{"authorization":"***"}'],
    ["token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0xx.c2ln end", "token *** end"],
    ["-----BEGIN EC PRIVATE KEY-----\nabc\n-----END EC PRIVATE KEY-----\n", "***\n"],
    ["psql postgres://me:pw@db/x", "psql postgres://***@db/x"],
    ["the author: nobody", "the author: nobody"],
  ] as const;
  for (const [text, expected] of cases) {
    assert.equal(redaction.text(text), expected);
    assert.equal(redaction.text(expected), expected);
  }
  assert.deepEqual(redaction.header(["X-Api-Key", "abc"]), ["X-Api-Key", "***"]);
  assert.deepEqual(redaction.header(["Accept", "text/plain"]), ["Accept", "text/plain"]);
  assert.equal(redaction.address("http://h/p?apikey=a&n=1&key=b#c"), "http://h/p?apikey=***&n=1&key=***#c");
});

test("whatever is around it, no secret of eight bytes or more is left in any of its forms", () => {
  const around = fc.string({ unit: "grapheme", maxLength: 12 });
  const forms: readonly ((text: string) => string)[] = [
    (text) => text,
    (text) => JSON.stringify(JSON.stringify({ text })),
    (text) => JSON.stringify({ script: `login ${shellQuote(text)}` }),
    (text) => shellQuote(JSON.stringify({ text })),
    (text) => encodeURIComponent(text),
    (text) => percentEncode(text),
    (text) => percentEncode(text).replaceAll(/%[\dA-F]{2}/g, (digits) => digits.toLowerCase()),
    (text) => new URLSearchParams({ text }).toString(),
    (text) => Buffer.from(text).toString("hex"),
    (text) => Buffer.from(text).toString("base64"),
    (text) => Buffer.from(text).toString("base64url"),
  ];
  const unit = fc.oneof(
    fc.string({ unit: "grapheme", minLength: 1, maxLength: 1 }),
    fc.constantFrom(..."!'()*~+ \"\\"),
  );
  const secret = fc.string({ unit, minLength: 8, maxLength: 40 }).filter((text) => text.trim() === text);
  fc.assert(
    fc.property(secret, around, around, fc.nat(forms.length - 1), (value, before, after, index) => {
      const form = forms[index] ?? String;
      const found = new Redaction([["REDACTED_SECRET_k", Buffer.from(value)]]).text(form(before + value + after));
      assert.ok(found.includes("REDACTED_SECRET_k"), `${JSON.stringify([value, before, after])} as ${index}: ${found}`);
    }),
    { numRuns: 400 },
  );
});
