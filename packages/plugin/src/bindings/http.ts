import { type CallContext, type FnPtr, type HostMethod, type RhaiMap, t, type Value } from "@blockvisor/rhai";
import type { HttpResponse } from "../engine/port.ts";
import { JsonError, parseJson } from "../values/parse-json.ts";
import type { Reader } from "../values/reader.ts";
import { typeName } from "../values/type-name.ts";
import { ask, convert } from "./binding.ts";
import type { EngineBridge } from "./bridge.ts";
import { graphqlRequest, jrpcRequest, RequestError, restRequest, timeoutMs } from "./http-request.ts";
import type { BindingTarget } from "./target.ts";

/** Most characters of a body that go into a printed response. */
const SHOWN_BODY = 200;

/** HTTP requests, sent from inside the node, and their responses (spec plugin-api.md §2.3). */
export function registerHttp(engine: BindingTarget, bridge: EngineBridge): void {
  const responses = engine.registerType<HttpResponse>("DressedHttpResponse", {
    getters: { status_code: (self) => self.statusCode, body: (self) => self.body },
    methods: {
      expect: [
        { params: [t.int], call: (ctx, self, code: number) => expectBody(ctx, self, Number(code) === self.statusCode) },
        {
          params: [t.fn],
          call: (ctx, self, accept: FnPtr) => expectBody(ctx, self, accepts(ctx, accept, self.statusCode)),
        },
      ] satisfies HostMethod<HttpResponse>[],
    },
    toString: (self) => `status_code: ${self.statusCode}, body: ${self.body.slice(0, SHOWN_BODY)}`,
    rawName: "DressedHttpResponse",
  });

  const register = <R>(name: string, method: "runJrpc" | "runRest", reader: Reader<R>): void => {
    const run = (ctx: CallContext, request: RhaiMap, seconds: Value): Value => {
      const limit = guarded(ctx, () => timeoutMs(seconds));
      const converted = guarded(ctx, () => convert(reader, request));
      return responses.wrap(ask(ctx, bridge, method, converted, limit) as HttpResponse);
    };
    engine.registerFn(name, [t.map], (ctx, request: RhaiMap) => run(ctx, request, undefined));
    engine.registerFn(name, [t.map, t.int], (ctx, request: RhaiMap, seconds: Value) => run(ctx, request, seconds));
    engine.registerFn(name, [t.map, t.float], (ctx, request: RhaiMap, seconds: Value) => run(ctx, request, seconds));
  };
  register("run_jrpc", "runJrpc", jrpcRequest);
  register("run_rest", "runRest", restRequest);
  register("run_graphql", "runRest", graphqlRequest);
}

function guarded<T>(ctx: CallContext, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof RequestError || error instanceof JsonError) throw ctx.error(error.message);
    throw error;
  }
}

function accepts(ctx: CallContext, accept: FnPtr, code: number): boolean {
  const verdict = ctx.callFnPtr(accept, [code]);
  if (typeof verdict !== "boolean") throw ctx.error(`Output type incorrect: ${typeName(verdict)} (expecting bool)`);
  return verdict;
}

function expectBody(ctx: CallContext, response: HttpResponse, expected: boolean): Value {
  if (!expected) throw ctx.error(`unexpected status_code: ${response.statusCode}`);
  return guarded(ctx, () => parseJson(response.body));
}
