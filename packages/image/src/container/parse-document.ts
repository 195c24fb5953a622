import type { z } from "zod";
import { OperationError } from "./operation-error.ts";

/** A JSON document of an image, which anybody may have written; `where` is what it is called. Error `image-invalid`. */
export function parseDocument<T>(schema: z.ZodType<T>, text: string, where: string): T {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (cause) {
    throw new OperationError("image-invalid", `${where} is not JSON`, { cause });
  }
  const parsed = schema.safeParse(document);
  if (parsed.success) return parsed.data;
  const { path = [], message } = parsed.error.issues[0] ?? {};
  throw new OperationError("image-invalid", `${where} is invalid: ${[...path, message].join(": ")}`);
}
