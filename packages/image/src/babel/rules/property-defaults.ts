import { didYouMean } from "../../diagnostics/suggest.ts";
import { propertyLists, type Rule } from "./rule.ts";

/** NIB214: the default of a switch is on or off, that of an enum one of its options. */
export const propertyDefaults: Rule = (context) => {
  for (const { path, properties } of propertyLists(context)) {
    properties.forEach(({ ui, key, defaultValue }, index) => {
      if (ui.kind !== "switch" && ui.kind !== "enum") return;
      const allowed = ui.kind === "switch" ? ["on", "off"] : ui.options.map((option) => option.value);
      if (allowed.includes(defaultValue) || context.isBroken(`${path}[${index}].ui_type`)) return;
      const spoken: Readonly<Record<string, string>> = {
        true: "on",
        "1": "on",
        yes: "on",
        false: "off",
        "0": "off",
        no: "off",
      };
      const meant =
        (ui.kind === "switch" ? spoken[defaultValue.toLowerCase()] : undefined) ?? didYouMean(defaultValue, allowed);
      const expected =
        allowed.length === 0 ? "no options are defined" : `expected ${allowed.map((one) => `"${one}"`).join(" or ")}`;
      context.report({
        code: "NIB214",
        path: `${path}[${index}].default_value`,
        message: `default_value "${defaultValue}" is not allowed for ${ui.kind} "${key}" (${expected})`,
        ...(meant !== undefined && { help: `change to "${meant}"`, replace: meant }),
      });
    });
  }
};
