import { Engine, unparen, walk } from "@blockvisor/rhai";
import type { PluginFiles } from "../plugin.ts";
import { SCRIPT_LIMITS } from "../worker/limits.ts";

/** Keys of the secrets that a plugin asks for, as far as they are written in it or `asked` while it was evaluated; sorted. */
export function secretKeys(files: PluginFiles, asked: Iterable<string>): readonly string[] {
  const keys = new Set(asked);
  const language = new Engine({ limits: SCRIPT_LIMITS });
  for (const [source, text] of Object.entries(files)) {
    walk(language.compile(text, { source }).program, {
      enter(node) {
        const [first] = node.kind === "Call" && node.path.length === 0 && node.name === "get_secret" ? node.args : [];
        const key = first && unparen(first);
        if (key?.kind === "Literal" && typeof key.value === "string") keys.add(key.value);
        return true;
      },
    });
  }
  return [...keys].sort();
}
