import { HostError } from "../errors/host-error.ts";

interface Named {
  readonly id: string;
  readonly name: string;
}

/** A whole id or name wins over prefixes; a prefix must fit exactly one node. */
export function resolveNode<N extends Named>(reference: string, nodes: readonly N[]): N {
  const text = normalised(reference);
  const exact = nodes.find(({ id }) => id === text) ?? nodes.find(({ name }) => name === reference);
  if (exact) return exact;
  const fitting = text === "" ? [] : nodes.filter(({ id, name }) => id.startsWith(text) || name.startsWith(reference));
  const [only, ...others] = fitting;
  if (only === undefined) {
    throw new HostError("not_found", `Node with name \`${reference}\` not found`, { hint: "see `bv node list`" });
  }
  if (others.length > 0) {
    throw new HostError("ambiguous", `\`${reference}\` fits more than one node`, {
      hint: "write more of the id or name",
      candidates: fitting.map(({ id, name }) => `${name} (${id})`),
    });
  }
  return only;
}

/** UUIDs may come braced, as a URN, or without hyphens (spec host-daemon §2.3). */
function normalised(reference: string): string {
  const bare = reference
    .toLowerCase()
    .replace(/^urn:uuid:/, "")
    .replace(/^\{(.*)\}$/, "$1");
  return /^[0-9a-f]{32}$/.test(bare) ? bare.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5") : bare;
}
