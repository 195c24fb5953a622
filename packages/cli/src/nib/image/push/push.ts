import {
  type Diagnostic,
  diagnosticJson,
  effectiveVariant,
  hasErrors,
  type VariantPush,
  validateImage,
  variantPush,
} from "@blockvisor/image";
import { Api } from "../../../cloud/api.ts";
import { readCredentials } from "../../../cloud/credentials.ts";
import type { Call } from "../../../command/verb.ts";
import { Failure } from "../../../failure/failure.ts";
import type { Output } from "../../../output/output.ts";
import { suiteVersion } from "../../../version.ts";
import { printChanges } from "../../change.ts";
import { diagnosticText } from "../../metadata/diagnostics.ts";
import { warnAboutOpenRules } from "../../metadata/open-rules.ts";
import { invalidMetadata, parseImageFile } from "../../metadata/read-image.ts";
import { carryOut } from "./carry-out.ts";
import { planVariant, type VariantPlan } from "./plan.ts";
import type { PushOptions } from "./verb.ts";

const changedExitCode = 10;

/** `nib image push` (nib-and-images §6): everything is validated and planned before the first change. */
export async function pushImage({ out, options }: Call<PushOptions, []>): Promise<void> {
  const pushes = readPushes(out, options);
  const { token, url } = readCredentials(out);
  using api = new Api(out, url, token);
  await requireProtocol(api, pushes);
  const plans: VariantPlan[] = [];
  const { minBabelVersion, allowDowngrade = false } = options;
  for (const push of pushes) plans.push(await planVariant(api, push, { allowDowngrade, minBabelVersion }));
  const results = [];
  for (const plan of plans) {
    const build = options.dryRun ? plan.build : await carryOut(api, plan, minBabelVersion ?? suiteVersion);
    printPlan(out, plan, build, options.dryRun ?? false);
    const { versionAction: version, imageAction: image, diff } = plan;
    results.push({ key: plan.push.variantKey, version, image, build: Number(build), diff });
  }
  out.document({ variants: results, dry_run: options.dryRun ?? false });
  const changed = plans.some((plan) => plan.versionAction !== "unchanged" || plan.imageAction !== "unchanged");
  if (options.dryRun && options.exitCode && changed) process.exitCode = changedExitCode;
}

function readPushes(out: Output, { path, strict }: PushOptions): readonly VariantPush[] {
  const parsed = parseImageFile(path);
  const findings = validateImage(parsed, { purpose: "push" });
  const sources = { [path]: parsed.source.text };
  if (!parsed.value || hasErrors(findings) || (strict && findings.length > 0)) {
    throw invalidMetadata(path, strict ? findings.map(asError) : findings, sources);
  }
  if (parsed.value.variants.length === 0) {
    throw new Failure("variant-unknown", `${path} has no variants, so there is nothing to push`, {
      hint: "add one below `variants:`",
    });
  }
  const image = parsed.value;
  if (findings.length > 0 && out.format === "text") out.complain(diagnosticText(findings, sources));
  for (const finding of findings) out.collect(diagnosticJson(finding));
  return image.variants.map((variant) => {
    const effective = effectiveVariant(image, variant);
    warnAboutOpenRules(out, effective, path);
    return variantPush(effective);
  });
}

function asError(finding: Diagnostic): Diagnostic {
  return { ...finding, severity: "error" };
}

/** Said before anything is sent, with what to do about it. */
async function requireProtocol(api: Api, pushes: readonly VariantPush[]): Promise<void> {
  const [first] = pushes;
  if (!first) return;
  const { protocolKey, orgId } = first;
  const found = await api.find("ProtocolService/GetProtocol", () =>
    api.protocols.getProtocol({
      protocol: { case: "protocolKey", value: protocolKey },
      ...(orgId !== null && { orgId }),
    }),
  );
  if (found?.protocol) return;
  throw new Failure("api-not-found", `there is no protocol '${protocolKey}'`, {
    hint: "list it in protocols.yaml and run `nib protocol push` first",
  });
}

function printPlan(
  out: Output,
  { push, versionAction, imageAction, diff }: VariantPlan,
  build: bigint,
  dryRun: boolean,
): void {
  const version = `${push.protocolKey}/${push.variantKey}/${push.version}`;
  const will = dryRun ? "would be " : "";
  out.line(`Variant version '${version}' ${versionAction === "unchanged" ? "unchanged" : `${will}${versionAction}`}`);
  if (imageAction === "unchanged") out.line("No image changes to push");
  else out.line(`Image '${version}/${build}' ${will}${imageAction}`);
  if (dryRun) printChanges(out, diff);
}
