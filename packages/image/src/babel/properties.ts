import { isMap, isScalar, parseDocument } from "yaml";
import { didYouMean } from "../diagnostics/suggest.ts";
import type { EffectiveVariant, Impact, Property } from "./model.ts";

/** One choosable value of a property under the key the control plane uses for it (spec nib-and-images.md §3.5). */
export interface PropertyRow {
  /** `<key>`, `<key>-on`, `<key>-off` or `<key>-<value>`. */
  readonly key: string;
  /** The property's key for switches and enums; what the plugin sees. */
  readonly keyGroup: string | null;
  readonly displayName: string | null;
  readonly displayGroup: string | null;
  readonly isGroupDefault: boolean | null;
  readonly defaultValue: string;
  readonly impact: Impact | null;
  readonly property: Property;
}

/** The rows of one property, in the order they are sent. */
export function expandProperty(property: Property): PropertyRow[] {
  const { ui, key, name, defaultValue } = property;
  switch (ui.kind) {
    case "text":
    case "password":
      return [
        {
          key,
          keyGroup: null,
          displayName: name,
          displayGroup: null,
          isGroupDefault: null,
          defaultValue,
          impact: ui.impact,
          property,
        },
      ];
    case "switch":
      return (["on", "off"] as const).map((side) => ({
        key: `${key}-${side}`,
        keyGroup: key,
        displayName: null,
        displayGroup: name,
        isGroupDefault: side === defaultValue,
        defaultValue: side,
        impact: ui[side],
        property,
      }));
    case "enum":
      return ui.options.map((option) => ({
        key: `${key}-${option.value}`,
        keyGroup: key,
        displayName: option.name,
        displayGroup: name,
        isGroupDefault: option.value === defaultValue,
        defaultValue: option.value,
        impact: option.impact,
        property,
      }));
  }
}

export function expandProperties(variant: Pick<EffectiveVariant, "properties">): PropertyRow[] {
  return variant.properties.flatMap(expandProperty);
}

/** A complaint about `--props`; commands decide whether it is an error. */
export interface PropsProblem {
  readonly kind: "syntax" | "unknown" | "value";
  readonly message: string;
  readonly help: string;
}

export interface NodeProperties {
  /** Key → value, as the plugin's `node_params()` gives it. */
  readonly values: Readonly<Record<string, string>>;
  readonly problems: readonly PropsProblem[];
}

/** Defaults of the effective properties (of all: `variants` only says where they are shown), overridden by `--props`: a YAML or JSON map of scalars, kept as their source text (§5.2). */
export function nodeProperties(variant: Pick<EffectiveVariant, "properties">, props = ""): NodeProperties {
  const { properties } = variant;
  const values: Record<string, string> = Object.fromEntries(
    properties.map((property) => [property.key, property.defaultValue]),
  );
  const given = parseProps(props);
  if (given instanceof Map === false) return { values, problems: [given] };
  const problems: PropsProblem[] = [];
  for (const [key, value] of given) {
    const property = properties.find((one) => one.key === key);
    const problem = property ? valueProblem(property, value) : unknownProblem(key, properties);
    if (problem) problems.push(problem);
    values[key] = property?.ui.kind === "switch" ? (SWITCH_WORDS[value] ?? value) : value;
  }
  return { values, problems };
}

/** What other faces of the platform write for a switch. */
const SWITCH_WORDS: Readonly<Record<string, string>> = { true: "on", "1": "on", false: "off", "0": "off" };

function parseProps(text: string): Map<string, string> | PropsProblem {
  const bad = (message: string): PropsProblem => ({
    kind: "syntax",
    message: `the properties ${message}`,
    help: `write them like '{"key": "value"}'`,
  });
  const document = parseDocument(text, { schema: "failsafe", prettyErrors: false, merge: false, logLevel: "error" });
  const error = document.errors[0];
  if (error) return bad(`are not valid YAML or JSON: ${error.message}`);
  if (document.contents === null) return new Map();
  if (!isMap(document.contents)) return bad("must be a map");
  const values = new Map<string, string>();
  for (const { key, value } of document.contents.items) {
    if (!isScalar(key) || (value !== null && !isScalar(value)))
      return bad(`must map text to text: ${String(key)} does not`);
    values.set(String(key.value), value === null ? "" : String(value.value));
  }
  return values;
}

function unknownProblem(key: string, properties: readonly Property[]): PropsProblem {
  const known = properties.map((property) => property.key);
  const meant = didYouMean(key, known);
  const help =
    meant !== undefined
      ? `did you mean '${meant}'?`
      : known.length > 0
        ? `known: ${known.join(", ")}`
        : "the image has no properties";
  return { kind: "unknown", message: `'${key}' is not a property of this variant`, help };
}

function valueProblem({ key, ui }: Property, value: string): PropsProblem | undefined {
  const allowed =
    ui.kind === "switch"
      ? ["on", "off", ...Object.keys(SWITCH_WORDS)]
      : ui.kind === "enum"
        ? ui.options.map((one) => one.value)
        : undefined;
  if (!allowed || allowed.includes(value)) return undefined;
  const shown = ui.kind === "switch" ? ["on", "off"] : allowed;
  return {
    kind: "value",
    message: `'${value}' is not a value of property '${key}'`,
    help: `one of: ${shown.join(", ")}`,
  };
}
