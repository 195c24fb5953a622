/** A step of default `init` or `upload`, in the order of spec plugin-api.md §4.2–4.3. */
export type InitStep =
  | { readonly kind: "stop_jobs" }
  | { readonly kind: "render"; readonly destination: string }
  | { readonly kind: "command"; readonly section: "init" | "pre_upload"; readonly command: string }
  | { readonly kind: "job"; readonly name: string }
  | { readonly kind: "data_stage" }
  /** Which of them changed parameters concern. */
  | { readonly kind: "choose_services" }
  | { readonly kind: "stop_service"; readonly name: string }
  | { readonly kind: "task"; readonly name: string };
