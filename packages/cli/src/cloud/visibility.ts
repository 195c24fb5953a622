import type { Visibility as VisibilityWord } from "@blockvisor/image";
import { Visibility } from "@blockvisor/wire/blockjoy/common/v1/protocol";

export const visibilityNumbers = {
  public: Visibility.PUBLIC,
  private: Visibility.PRIVATE,
  development: Visibility.DEVELOPMENT,
} as const satisfies Record<VisibilityWord, Visibility>;

export function visibilityWord(visibility: Visibility): string {
  return Visibility[visibility]?.toLowerCase() ?? "unspecified";
}
