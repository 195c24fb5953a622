import type { Diagnostic, EffectiveVariant } from "@blockvisor/image";
import {
  type Alternative,
  lintPlugin,
  type PluginFiles,
  PluginWorkers,
  remembering,
  type TemplateSource,
} from "@blockvisor/plugin";

/** Every value that a switch or a choice may have; texts have too many. */
function alternativesOf(
  variant: EffectiveVariant,
  properties: Readonly<Record<string, string>>,
): readonly Alternative[] {
  return variant.properties
    .flatMap(({ key, ui }) => {
      if (ui.kind === "switch") return ["on", "off"].map((value) => ({ key, value }));
      return ui.kind === "enum" ? ui.options.map(({ value }) => ({ key, value })) : [];
    })
    .filter(({ key, value }) => properties[key] !== value);
}

/** Lints one plugin for several variants in the same process. */
export class PluginCheck implements AsyncDisposable {
  readonly #files: PluginFiles;
  readonly #variants: readonly string[];
  readonly #secrets: Readonly<Record<string, string>>;
  /** The templates that were looked at, as findings name them. */
  readonly templateTexts: Record<string, string> = {};
  readonly #templates: TemplateSource;
  readonly #workers = new PluginWorkers({ size: 1 });

  constructor(
    files: PluginFiles,
    templates: TemplateSource,
    secrets: Readonly<Record<string, string>>,
    variants: readonly string[],
  ) {
    this.#variants = variants;
    this.#files = files;
    this.#secrets = secrets;
    this.#templates = remembering({
      complete: templates.complete,
      read: async (paths) => {
        const found = await templates.read(paths);
        for (const { file, text } of found.values()) this.templateTexts[file] = text;
        return found;
      },
    });
  }

  /** `properties` are the values the node would have: babel.yaml's defaults and what `--props` says. */
  lint(variant: EffectiveVariant, properties: Readonly<Record<string, string>>): Promise<Diagnostic[]> {
    const keys = new Set([...variant.properties.map(({ key }) => key), ...Object.keys(properties)]);
    return lintPlugin({
      files: this.#files,
      image: { version: variant.version, protocol: variant.protocolKey, variant: variant.variantKey },
      params: properties,
      secrets: this.#secrets,
      properties: [...keys],
      variants: this.#variants,
      alternatives: alternativesOf(variant, properties),
      templates: this.#templates,
      workers: this.#workers,
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#workers.close();
  }
}
