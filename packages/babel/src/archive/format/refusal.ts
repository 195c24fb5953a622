/** What an archive says cannot be right: trying again would not help. */
class InvalidManifest extends Error {
  readonly code = "archive-manifest-invalid";

  /** @param reason stable, begins in lower case, names chunk or path */
  constructor(reason: string) {
    super(`invalid manifest: ${reason}`);
    this.name = "InvalidManifest";
  }
}

export const refuse = (reason: string): never => {
  throw new InvalidManifest(reason);
};
