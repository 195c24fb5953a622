import type { JrpcRequest, RestRequest, ShOptions } from "../engine/port.ts";
import { type Questions, valueOfJson } from "./recording.ts";

/* What a script asks of the host as recordings have it: the same for the tape and for the host that replays it. */

type Asked<N extends keyof Questions> = { readonly call: N } & Questions[N];

export function askedJrpc({ host, method, params, headers }: JrpcRequest): Asked<"run_jrpc"> {
  return {
    call: "run_jrpc",
    host,
    method,
    ...(params !== undefined && { params: valueOfJson(params) }),
    ...(headers.length > 0 && { headers }),
  };
}

export function askedRest({ url, method, body, headers }: RestRequest): Asked<"run_rest"> {
  return {
    call: "run_rest",
    method,
    url,
    ...(body !== undefined && { sent: valueOfJson(body) }),
    ...(headers.length > 0 && { headers }),
  };
}

export function askedSh(script: string, { env, stdin, user }: ShOptions): Asked<"run_sh"> {
  return {
    call: "run_sh",
    script,
    ...(env !== undefined && Object.keys(env).length > 0 && { env }),
    ...(stdin !== undefined && stdin !== "" && { stdin }),
    ...(user !== undefined && user !== "" && { user }),
  };
}
