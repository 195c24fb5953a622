import type { Diagnostic, EffectiveVariant } from "@blockvisor/image";
import { lintPlugin, type PluginFiles, PluginWorkers, remembering, type TemplateSource } from "@blockvisor/plugin";

/** Lints one plugin for several variants in the same process. */
export class PluginCheck implements AsyncDisposable {
  readonly #files: PluginFiles;
  readonly #templates: TemplateSource;
  readonly #workers = new PluginWorkers({ size: 1 });

  constructor(files: PluginFiles, templates: TemplateSource) {
    this.#files = files;
    this.#templates = remembering(templates);
  }

  /** `properties` are the values the node would have: babel.yaml's defaults and what `--props` says. */
  lint(variant: EffectiveVariant, properties: Readonly<Record<string, string>>): Promise<Diagnostic[]> {
    const keys = new Set([...variant.properties.map(({ key }) => key), ...Object.keys(properties)]);
    return lintPlugin({
      files: this.#files,
      image: { version: variant.version, protocol: variant.protocolKey, variant: variant.variantKey },
      params: properties,
      properties: [...keys],
      templates: this.#templates,
      workers: this.#workers,
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#workers.close();
  }
}
