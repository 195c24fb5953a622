import { hasMutableTag, isHostLocal, parseContainerUri } from "../../container/container-uri.ts";
import { isOperationError } from "../../container/operation-error.ts";
import type { Rule } from "./rule.ts";

/** NIB218 and NIB219: what works on this machine but not for others. Only asked for when an image is pushed (§4.2). */
export const publication: Rule = ({ image, report }) => {
  const uri = parseOrNull(image.containerUri);
  if (uri === null) return;
  if (isHostLocal(uri)) {
    report({
      code: "NIB219",
      severity: "warning",
      path: "container_uri",
      message: "other hosts cannot fetch this image",
      help: "push the container to a registry and name it here: docker://REGISTRY/IMAGE:TAG",
    });
  } else if (hasMutableTag(uri)) {
    report({
      code: "NIB218",
      severity: "warning",
      path: "container_uri",
      message: "the tag can mean another image tomorrow",
      help: "use a tag that is never moved, or a digest",
    });
  }
};

function parseOrNull(text: string) {
  try {
    return parseContainerUri(text);
  } catch (error) {
    if (isOperationError(error)) return null;
    throw error;
  }
}
