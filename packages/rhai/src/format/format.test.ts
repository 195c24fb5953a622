import assert from "node:assert/strict";
import { test } from "node:test";
import { RhaiError } from "../errors/rhai-error.ts";
import { formatScript } from "./format.ts";

/** Formats, and checks that formatting the result changes nothing. */
function formatted(text: string): string {
  const once = formatScript(text);
  assert.equal(formatScript(once), once);
  return once;
}

test("statements stand one a line, four blanks deep, blank lines between groups are kept", () => {
  assert.equal(
    formatted("let a=1;let b  = 2\n;\n\n\n\nfn add(x,y,){x+y}\nif a>b{print(a)}else if a==b{print(`same`);}else{}\n"),
    `let a = 1;
let b = 2;

fn add(x, y) { x + y }
if a > b {
    print(a)
} else if a == b {
    print(\`same\`);
} else {}
`,
  );
});

test("the value of a block stays without semicolon, other statements get one", () => {
  assert.equal(
    formatted("fn f() {\nlet x = 1;\nx\n}\nfn g() {\nx.y = 1\n}\nfn h() { return 1 }"),
    "fn f() {\n    let x = 1;\n    x\n}\nfn g() {\n    x.y = 1;\n}\nfn h() {\n    return 1;\n}\n",
  );
});

test("a short body stays on its line only where it was and is a single value", () => {
  assert.equal(formatted("let m = if a {1} else {2};"), "let m = if a { 1 } else { 2 };\n");
  assert.equal(formatted("let m = if a {\n1} else {2};"), "let m = if a {\n    1\n} else {\n    2\n};\n");
  assert.equal(formatted("loop { break; }"), "loop {\n    break;\n}\n");
  assert.equal(formatted("list.map(|x|{x+1})"), "list.map(|x| { x + 1 })\n");
});

test("maps and arrays that were written over lines stay so, others break when they are too long", () => {
  assert.equal(formatted("let m=#{\na:1, b : [1,2,]}"), "let m = #{\n    a: 1,\n    b: [1, 2],\n};\n");
  assert.equal(
    formatted(
      `let l = [${Array.from({ length: 3 }, (_, i) => `"a rather long string number ${i} in a list"`).join(",")}];`,
    ),
    `let l = [
    "a rather long string number 0 in a list",
    "a rather long string number 1 in a list",
    "a rather long string number 2 in a list",
];
`,
  );
});

test("a last argument that is a map, an array or a closure opens and closes with the call", () => {
  assert.equal(
    formatted('run_jrpc(#{\nhost: url, method: "m"}).expect(200)'),
    'run_jrpc(#{\n    host: url,\n    method: "m",\n}).expect(200)\n',
  );
  assert.equal(formatted("items.for_each(|x|{\nprint(x);})"), "items.for_each(|x| {\n    print(x);\n})\n");
});

test("long operator chains, calls and method chains break evenly", () => {
  const name = "a_rather_long_name_for_a_variable";
  assert.equal(
    formatted(`let x = ${name} + ${name} - ${name} * 2;`),
    `let x = ${name}\n    + ${name}\n    - ${name} * 2;\n`,
  );
  assert.equal(
    formatted(`let x = ${name}.filter(|x| x > 1).map(|x| x * 2).reduce(|sum, x| sum + x, 0).to_string();`),
    `let x = ${name}
    .filter(|x| x > 1)
    .map(|x| x * 2)
    .reduce(|sum, x| sum + x, 0)
    .to_string();
`,
  );
  assert.equal(
    formatted(`call_me(${name}, ${name}, ${name});`),
    `call_me(\n    ${name},\n    ${name},\n    ${name},\n);\n`,
  );
});

test("comments stay where they belong", () => {
  const text = `// the file

/// Doc of f.
fn f(a /* first */, b) {
    // about x
    let x = a; // behind x
    /* inline */ x + /* b */ b

    // the end
}

let m = #{
    // about a
    a: 1, // behind a

    /// doc
    b: 2,
    // nothing more
};
switch m.a {
    // one
    1 => "one",
    _ => "other", // rest
}
if m.a {
    f(1, 2);
}
// otherwise
else {
    // nothing
}
// end
`;
  assert.equal(formatted(text), text);
});

test("comments in odd places are never lost", () => {
  const printed = formatted("let // a\n x = // b\n 5 /* c */ ; // d\nf( // e\n 1 // f\n , 2 /* g */ ) // h");
  for (const letter of "abcdefgh") assert.match(printed, new RegExp(`(//|/\\*) ${letter}\\b`));
});

test("text of several lines is left alone", () => {
  const text = 'let a = `one\n  two\n\n three`;\nlet b = #"x\n   y"#;\n/* a\n b */\n';
  assert.equal(formatted(text), text);
});

test("a continued string moves with its quote, so that its value stays", () => {
  assert.equal(
    formatted('let long =       "one \\\n                  two \\\n                    three";'),
    'let long = "one \\\n            two \\\n              three";\n',
  );
  assert.equal(formatted("    `$" + '{"one \\\n      two"}`;'), "`$" + '{"one \\\n    two"}`;\n');
});

test("blanks that keep tokens apart are kept", () => {
  assert.equal(
    formatted("- 5; -5; - -x; ! !y; 5. ; 1..2; a..=b; x[ 1.. ]"),
    "- 5;\n-5;\n- -x;\n! !y;\n5.0;\n1..2;\na..=b;\nx[1..]\n",
  );
});

test("every construct prints in its style", () => {
  const text = `import "lib" as lib;
export let value = lib::sub::VALUE;
export const A = 1;
export A as B;
private fn helper() {}
fn int.double() {
    this *= 2;
}
fn "My Type".show(x) {
    throw x;
}
for (x, i) in [1, 2] {
    continue;
}
do {
    x += 1;
} until x > 3;
while x?.y?[0] != () {
    break 1;
}
try {
    call!(1);
} catch (err) {
    throw;
}
let f = |a, b| a + b;
let g = || f.call(1);
let y = x ?? return 1;
switch y {
    1 | 2 if y > 1 => { 1 },
    0..10 => 2,
    "x" => 3,
    _ => (),
}
`;
  assert.equal(formatted(text), text);
});

test("a first line for the shell is kept", () => {
  assert.equal(formatted("#!/usr/bin/env rhai\nprint( 1 )"), "#!/usr/bin/env rhai\nprint(1)\n");
});

test("empty statements and CR LF line ends go", () => {
  assert.equal(formatted(";;let a = 1;;\r\n\r\n;if a {};\r\n"), "let a = 1;\n\nif a {}\n");
  assert.equal(formatted("  \n"), "");
});

test("a script that does not parse is refused with its syntax error", () => {
  assert.throws(
    () => formatScript("let = 1;"),
    (error: unknown) => {
      assert.ok(error instanceof RhaiError);
      assert.equal(error.message, "Expecting name of a variable (line 1, position 5)");
      return true;
    },
  );
});
