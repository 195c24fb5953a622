import { isOperationError } from "@blockvisor/image/container";
import type { ImageProgress, UnpackedImage } from "../images/index.ts";
import type { NodeHost } from "./node-host.ts";
import type { StepContext } from "./outcome.ts";

/** An image may have been collected since it was pulled; the digest makes sure it is the same one again. */
export async function imageOf(
  host: NodeHost,
  digest: string,
  uri: string,
  context: StepContext,
): Promise<UnpackedImage> {
  return host.images.get(digest).catch((error: unknown) => {
    if (!isOperationError(error, "image-unknown")) throw error;
    return host.images.ensure(uri, { ...pullOptions(context), digest });
  });
}

export function pullOptions({ signal, progress }: StepContext) {
  return { signal, onProgress: (event: ImageProgress) => progress("line" in event ? event.line : event.step) };
}

/** Root file systems are named after the image they stand on. */
export function hexOf(digest: string): string {
  return digest.replace(/^sha256:/, "");
}
