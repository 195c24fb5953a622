/** A template of an image, and how findings name its file. */
export interface TemplateFile {
  readonly file: string;
  readonly text: string;
}

/** The templates of an image, where there is no node that has them. */
export interface TemplateSource {
  /** By their paths in the image; what is not there is not in the answer. Never more than `TEMPLATE_LIMIT` bytes each. */
  readonly read: (paths: readonly string[]) => Promise<ReadonlyMap<string, TemplateFile>>;
  /** What is not in an answer is not in the image: so for an image, and not for a working tree, whose base image has files, too. */
  readonly complete: boolean;
}

/** The source of someone who has none. */
export const NO_TEMPLATES: TemplateSource = { read: async () => new Map(), complete: false };

/** Reads every file once. */
export function remembering({ read, complete }: TemplateSource): TemplateSource {
  const known = new Map<string, TemplateFile | undefined>();
  return {
    complete,
    read: async (paths) => {
      const fresh = paths.filter((path) => !known.has(path));
      const found = fresh.length > 0 ? await read(fresh) : new Map<string, TemplateFile>();
      for (const path of fresh) known.set(path, found.get(path));
      return new Map(
        paths.flatMap((path) => {
          const file = known.get(path);
          return file ? [[path, file] as const] : [];
        }),
      );
    },
  };
}
