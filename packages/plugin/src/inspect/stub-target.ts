import { type NodeEnv, sampleNodeEnv } from "../engine/node-env.ts";
import type { StubNode } from "../engine/stub-engine.ts";

/** The node that a plugin is evaluated for when there is none. */
export interface StubTarget {
  readonly image: { readonly version: string; readonly protocol: string; readonly variant: string };
  /** What `node_params()` gives. */
  readonly params: Readonly<Record<string, string>>;
  /** Fields of the sample `node_env()` that are different. */
  readonly env?: Partial<NodeEnv>;
  /** Values of `get_secret`; others are `secret value`. */
  readonly secrets?: Readonly<Record<string, string>>;
}

export function stubNode({ image, params, env, secrets }: StubTarget): StubNode {
  return { env: { ...sampleNodeEnv({ ...image, properties: params }), ...env }, params, ...(secrets && { secrets }) };
}
