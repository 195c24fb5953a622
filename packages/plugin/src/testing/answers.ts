import { HostFailure } from "./host-failure.ts";
import { accepts, type Matcher } from "./matcher.ts";

/** A text that has to be equal, or a matcher. */
export type Pattern = string | Matcher;

export function fits(pattern: Pattern, actual: string): boolean {
  return typeof pattern === "string" ? pattern === actual : accepts(pattern, actual);
}

/** What the host does when it is asked: answers, or fails. */
export type Outcome<A> =
  | { readonly kind: "answer"; readonly answer: A }
  | { readonly kind: "fail"; readonly message: string; readonly code?: string };

export interface Rule<Q, A> {
  readonly applies: (question: Q) => boolean;
  /** One after the other; the last one for ever. */
  readonly outcomes: readonly Outcome<A>[];
}

/** Answers that a test programs for one kind of question. The newest that applies is taken, so a test can change what `setup()` said. */
export class Answers<Q, A> {
  readonly #rules: { readonly rule: Rule<Q, A>; asked: number }[] = [];

  add(rule: Rule<Q, A>): void {
    this.#rules.unshift({ rule, asked: 0 });
  }

  /** Undefined: nothing was programmed for that. Error `HostFailure` where the test wants one. */
  to(question: Q): A | undefined {
    const found = this.#rules.find(({ rule }) => rule.applies(question));
    const outcome = found?.rule.outcomes[Math.min(found.asked++, found.rule.outcomes.length - 1)];
    if (outcome?.kind === "fail") throw new HostFailure(outcome.message, outcome.code);
    return outcome?.answer;
  }
}

/** `*` in an address stands for any text. */
export function addressPattern(text: string): Pattern {
  if (!text.includes("*")) return text;
  const parts = text.split("*").map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
  return { kind: "matches", text: `^${parts.join(".*")}$` };
}
