import type { FailureName } from "./codes.ts";
import { Failure } from "./failure.ts";

/** Codes of @blockvisor/image/container's OperationError → our kinds. */
const operationKinds: Readonly<Record<string, FailureName>> = {
  "container-uri-empty": "invalid-metadata",
  "container-uri-invalid": "invalid-metadata",
  "container-uri-unsupported": "image-unavailable",
  "docker-unreachable": "image-unavailable",
  "tool-missing": "tool-missing",
  aborted: "interrupted",
};

/**
 * An error of a package below us, as a failure; undefined when it is none we know. They are told apart by name, so that a
 * failing command does not have to load the packages they come from.
 */
export function foreignFailure(error: unknown): Failure | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error.name === "OperationError" && "code" in error) {
    const hint = "fix" in error && typeof error.fix === "string" ? error.fix : undefined;
    return new Failure(operationKinds[String(error.code)] ?? "image-unavailable", error.message, {
      hint,
      data: { code: error.code },
    });
  }
  if (error.name === "PluginError" && "code" in error) {
    return new Failure("plugin-unloadable", "the plugin cannot be evaluated", {
      excerpt: error.message,
      data: { code: error.code },
      hint: "`nib image check --lint-only` shows all that is wrong with it",
    });
  }
  return undefined;
}
