import { parseContainerUri } from "../../container/container-uri.ts";
import { isOperationError } from "../../container/operation-error.ts";
import type { Rule } from "./rule.ts";

const SEMVER =
  /^(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?:-(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?$/;

/** NIB201: semver 2.0, lower case because the control plane stores it so. */
export const version: Rule = ({ image, report }) => {
  if (!SEMVER.test(image.version)) {
    const parts = /^v?(\d+)(?:\.(\d+))?(?:\.(\d+))?$/.exec(image.version);
    const replace = parts ? [parts[1], parts[2] ?? "0", parts[3] ?? "0"].map(Number).join(".") : undefined;
    report({
      code: "NIB201",
      path: "version",
      message: `version "${image.version}" is not a semantic version`,
      help: replace === undefined ? "write MAJOR.MINOR.PATCH" : `write ${replace}`,
      ...(replace !== undefined && { replace }),
    });
  } else if (/[A-Z]/.test(image.version)) {
    report({
      code: "NIB201",
      severity: "warning",
      path: "version",
      message: `the control plane stores version "${image.version}" in lower case`,
      help: `write ${image.version.toLowerCase()}`,
      replace: image.version.toLowerCase(),
    });
  }
};

/** NIB202: a form that `container_uri` can have (§4.2). */
export const containerUri: Rule = ({ image, report }) => {
  try {
    const uri = parseContainerUri(image.containerUri);
    if (uri.kind !== "foreign") return;
    report({
      code: "NIB202",
      severity: "warning",
      path: "container_uri",
      message: `images from ${uri.transport} cannot be fetched by this platform`,
      help: "use docker://, docker-daemon://, oci:, oci-archive:, docker-archive:, containers-storage: or dir:",
    });
  } catch (error) {
    if (!isOperationError(error)) throw error;
    const message = error.message.replace(/^container_uri:? ?/, "");
    report({
      code: "NIB202",
      path: "container_uri",
      message: `container_uri ${message}`,
      ...(error.fix !== undefined && { help: error.fix }),
    });
  }
};

/** NIB205: three sections of A-Z and 0-9. */
export const skuCode: Rule = ({ variants, report }) => {
  for (const { variant, index } of variants) {
    const sku = variant.skuCode;
    const path = `variants[${index}].sku_code`;
    const help = "three sections: chain and client, node type, network type, like ETHRETH-F-MN";
    if (/[^A-Z0-9-]/.test(sku) || sku.split("-").length !== 3) {
      report({
        code: "NIB205",
        path,
        message: `sku_code "${sku}" must be three upper-case sections joined by -`,
        help,
      });
    } else if (sku.split("-").includes("")) {
      report({ code: "NIB205", severity: "warning", path, message: `sku_code "${sku}" has an empty section`, help });
    }
  }
};
