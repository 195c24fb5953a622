import { registerEncoding } from "../../bindings/encoding.ts";
import { registerParsing } from "../../bindings/parsing.ts";
import type { ScriptKind } from "../../worker/script.ts";
import { registerAssertions } from "./assertions.ts";
import { registerMatchers } from "./matchers.ts";
import { registerSubjects } from "./subjects.ts";

/** A script of tests (spec plugin-api.md §9.2): it drives a plugin and programs its host, and has the functions of plugins that need no node. */
export function testScript(main: string): ScriptKind {
  return {
    main,
    register(engine, bridge, globals) {
      registerParsing(engine);
      registerEncoding(engine);
      const matchers = registerMatchers(engine);
      registerSubjects(engine, bridge, matchers, globals);
      registerAssertions(engine, bridge, matchers);
    },
  };
}
