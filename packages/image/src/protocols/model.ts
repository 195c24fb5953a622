import type { Visibility } from "../babel/model.ts";

/** One entry of `protocols.yaml` (spec nib-and-images.md §3.13). */
export interface Protocol {
  readonly key: string;
  readonly name: string;
  readonly orgId: string | null;
  readonly ticker: string | null;
  readonly description: string | null;
  readonly visibility: Visibility;
}
