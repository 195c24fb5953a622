import { type CallContext, type Engine, type HostObject, type RegisteredType, t } from "@blockvisor/rhai";
import { type Matcher, matcherText } from "../matcher.ts";

export type Matchers = RegisteredType<Matcher>;

/** `contains("x")`, `starts_with("x")`, `matches("regular expression")` and `any()`, wherever a test can say which texts it accepts. */
export function registerMatchers(engine: Engine): Matchers {
  const matchers = engine.registerType<Matcher>("Matcher", { toString: matcherText });
  const register = (kind: "contains" | "starts_with" | "matches"): void => {
    engine.registerFn(kind, [t.string], (ctx, text: string): HostObject => {
      if (kind === "matches") requirePattern(ctx, text);
      return matchers.wrap({ kind, text });
    });
  };
  register("contains");
  register("starts_with");
  register("matches");
  engine.registerFn("any", [], () => matchers.wrap({ kind: "any", text: "" }));
  return matchers;
}

function requirePattern(ctx: CallContext, text: string): void {
  try {
    new RegExp(text, "su");
  } catch (error) {
    throw ctx.error(`matches(${JSON.stringify(text)}): ${error instanceof Error ? error.message : String(error)}`);
  }
}
