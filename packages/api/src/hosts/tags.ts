import type { Tags, UpdateTags } from "@blockvisor/wire/blockjoy/common/v1/tag";
import { invalidArgument } from "../rpc-error.ts";
import { key } from "../wire-fields.ts";

const mostTags = 64;

export const tagNames = (tags: Tags | undefined): readonly string[] =>
  checked((tags?.tags ?? []).map((tag) => key(tag.name, "tag")));

export const tagsMessage = (names: readonly string[]) => ({ tags: names.map((name) => ({ name })) });

/** `overwrite_tags` replaces the set, `add_tag` appends one when it is missing (spec §2.6). */
export function updatedTags(current: readonly string[], { update }: UpdateTags): readonly string[] {
  if (update.case === "overwriteTags") return tagNames(update.value);
  if (update.case === "addTag") return checked([...current, key(update.value.name, "tag")]);
  throw invalidArgument("update_tags");
}

function checked(names: readonly string[]): readonly string[] {
  const unique = [...new Set(names)];
  if (unique.length > mostTags) throw invalidArgument("tags", `has more than ${mostTags} entries`);
  return unique;
}
