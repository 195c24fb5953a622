import { duplicates, propertyLists, type Rule, type RuleContext } from "./rule.ts";

const KIND_MINIMUM = 3;

/** NIB203 characters, NIB204 length, NIB206 duplicates of everything that has a key. */
export const names: Rule = (context) => {
  const { image, variants } = context;
  checkKey(context, "protocol_key", image.protocolKey, "protocol key", KIND_MINIMUM);
  for (const { variant, index } of variants) {
    const at = `variants[${index}]`;
    checkKey(context, `${at}.key`, variant.key, "variant key", KIND_MINIMUM);
    variant.metadata?.forEach((entry, entryIndex) => {
      checkKey(context, `${at}.metadata[${entryIndex}].key`, entry.key, "metadata key", KIND_MINIMUM);
    });
    duplicates(variant.metadata?.map((entry) => entry.key) ?? [], (entryIndex, key) => {
      duplicate(context, `${at}.metadata[${entryIndex}].key`, `metadata key "${key}"`);
    });
  }
  duplicates(
    image.variants.map((variant) => variant.key),
    (index, key) => duplicate(context, `variants[${index}].key`, `variant key "${key}"`),
  );
  propertyNames(context);
};

function propertyNames(context: RuleContext): void {
  const variantKeys = new Set(context.image.variants.map((variant) => variant.key));
  for (const { path, properties } of propertyLists(context)) {
    properties.forEach((property, index) => {
      const at = `${path}[${index}]`;
      checkKey(context, `${at}.key`, property.key, "property key", KIND_MINIMUM);
      if (property.ui.kind === "enum") {
        const options = property.ui.options;
        options.forEach((option, optionIndex) => {
          checkKey(context, `${at}.ui_type[${optionIndex}].value`, option.value, "enum value", 1);
        });
        duplicates(
          options.map((option) => option.value),
          (optionIndex, value) => duplicate(context, `${at}.ui_type[${optionIndex}].value`, `enum value "${value}"`),
        );
      }
      property.variants?.forEach((key, keyIndex) => {
        const keyPath = `${at}.variants[${keyIndex}]`;
        checkKey(context, keyPath, key, "variant key", 0);
        if (variantKeys.has(key) || context.isBroken("variants")) return;
        context.report({
          code: "NIB208",
          severity: "warning",
          path: keyPath,
          message: `"${key}" is not a variant of this file`,
          help: `variants: ${[...variantKeys].join(", ")}`,
        });
      });
    });
    duplicates(
      properties.map((property) => property.key),
      (index, key) => duplicate(context, `${path}[${index}].key`, `property key "${key}"`),
    );
    expandedCollisions(context, path, properties);
  }
}

/** `rpc-on` as a text property and a switch `rpc` would be one key for the control plane. */
function expandedCollisions(
  context: RuleContext,
  path: string,
  properties: Parameters<typeof propertyLists>[0]["image"]["properties"],
): void {
  const owner = new Map<string, number>();
  properties.forEach((property, index) => {
    const { ui, key } = property;
    const keys =
      ui.kind === "switch"
        ? [`${key}-on`, `${key}-off`]
        : ui.kind === "enum"
          ? ui.options.map((one) => `${key}-${one.value}`)
          : [key];
    for (const expanded of new Set(keys)) {
      const other = owner.get(expanded);
      if (other !== undefined && properties[other]?.key !== key) {
        duplicate(
          context,
          `${path}[${index}].key`,
          `the expanded key "${expanded}" of "${key}" and "${properties[other]?.key}"`,
        );
      }
      owner.set(expanded, index);
    }
  });
}

export function checkKey(
  context: RuleContext,
  path: string,
  key: string,
  what: string,
  minimum: number,
  code?: string,
): void {
  if (/[^a-z0-9-]/.test(key)) {
    const replace = key
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "-")
      .replace(/^-|-$/g, "");
    context.report({
      code: code ?? "NIB203",
      path,
      message: `${what} "${key}" may only hold a-z, 0-9 and -`,
      ...(replace.length >= minimum && { help: `for example ${replace}`, replace }),
    });
  } else if (key.length < minimum) {
    context.report({ code: code ?? "NIB204", path, message: `${what} "${key}" needs at least ${minimum} characters` });
  }
}

function duplicate(context: RuleContext, path: string, what: string): void {
  context.report({ code: "NIB206", path, message: `${what} is used twice`, help: "keys must be unique" });
}
