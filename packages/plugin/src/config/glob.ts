/** Why a pattern of `exclude` or `append_only` does not compile in the agent (babel-agent.md §5.3); undefined when it does. */
export function globFault(pattern: string): string | undefined {
  // The first character of a class may be `]` itself.
  const plain = pattern.replace(/\[(?:!.|[^!])[^\]]*\]/gs, "x");
  if (plain.includes("[")) return "a class `[…]` is not closed";
  if (plain.includes("***")) return "wildcards are either `*` or `**`";
  return /[^/]\*\*|\*\*[^/]/.test(plain) ? "`**` must be a whole component of the path" : undefined;
}
