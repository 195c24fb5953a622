import type { Span } from "./source.ts";
import type { Value } from "./value.ts";

export type Argument = { readonly name: string; readonly value: Expression };
export type Call = { readonly name: string; readonly args: readonly Argument[]; readonly span: Span };

export type BinaryOperator =
  | "+"
  | "-"
  | "*"
  | "/"
  | "%"
  | "~"
  | "=="
  | "!="
  | "<"
  | "<="
  | ">"
  | ">="
  | "and"
  | "or"
  | "in"
  | "not in";

export type Expression = { readonly span: Span } & (
  | { readonly kind: "literal"; readonly value: Value }
  | { readonly kind: "array"; readonly items: readonly Expression[] }
  | { readonly kind: "variable"; readonly name: string }
  | { readonly kind: "member"; readonly of: Expression; readonly key: Expression }
  | { readonly kind: "filtered"; readonly of: Expression; readonly filter: Call }
  | { readonly kind: "function"; readonly call: Call }
  | { readonly kind: "macro"; readonly namespace: string; readonly call: Call }
  | { readonly kind: "super" }
  | {
      readonly kind: "test";
      readonly of: Expression;
      readonly name: string;
      readonly args: readonly Expression[];
      readonly negated: boolean;
    }
  | { readonly kind: "not"; readonly of: Expression }
  | { readonly kind: "negative"; readonly of: Expression }
  | {
      readonly kind: "binary";
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
);

export type Branch = { readonly condition: Expression; readonly body: readonly Node[] };

export type Node = { readonly span: Span } & (
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "print"; readonly value: Expression }
  | { readonly kind: "if"; readonly branches: readonly Branch[]; readonly otherwise: readonly Node[] }
  | {
      readonly kind: "for";
      readonly key: string | undefined;
      readonly item: string;
      readonly of: Expression;
      readonly body: readonly Node[];
      readonly empty: readonly Node[];
    }
  | { readonly kind: "set"; readonly name: string; readonly value: Expression; readonly global: boolean }
  | { readonly kind: "filter"; readonly filter: Call; readonly body: readonly Node[] }
  | { readonly kind: "block"; readonly name: string; readonly body: readonly Node[] }
  | { readonly kind: "include"; readonly paths: readonly string[]; readonly optional: boolean }
  | { readonly kind: "break" }
  | { readonly kind: "continue" }
);

export type Macro = {
  readonly name: string;
  readonly parameters: readonly { readonly name: string; readonly fallback: Expression | undefined }[];
  readonly body: readonly Node[];
};

export type Import = { readonly path: string; readonly namespace: string; readonly span: Span };

export type Template = {
  readonly body: readonly Node[];
  readonly extends: { readonly path: string; readonly span: Span } | undefined;
  readonly imports: readonly Import[];
  readonly macros: ReadonlyMap<string, Macro>;
  readonly blocks: ReadonlyMap<string, readonly Node[]>;
};
