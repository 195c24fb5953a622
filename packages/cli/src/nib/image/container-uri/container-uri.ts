import type { Call } from "../../../command/verb.ts";
import { readImage } from "../../metadata/read-image.ts";
import type { ContainerUriOptions } from "./verb.ts";

/** `nib image container-uri`: the text as it stands in the file; the rest of the file need not be valid (nib-and-images §1.7). */
export async function printContainerUri({ out, options }: Call<ContainerUriOptions, []>): Promise<void> {
  const { image } = readImage(options.path);
  out.line(image.containerUri);
  if (out.format === "json") out.document({ container_uri: image.containerUri, ...(await parts(image.containerUri)) });
}

async function parts(uri: string): Promise<{ readonly transport: string | null; readonly reference: string | null }> {
  const { parseContainerUri } = await import("@blockvisor/image/container");
  try {
    const { kind } = parseContainerUri(uri);
    return { transport: kind, reference: uri.replace(/^[a-z-]+:(\/\/)?/, "") };
  } catch {
    return { transport: null, reference: null };
  }
}
