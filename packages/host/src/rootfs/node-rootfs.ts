import type { UnpackedImage } from "../images/index.ts";

/**
 * The root file systems of nodes. Several versions lie side by side in `<node>/roots/<version>`; the mounted one is visible
 * at `<node>/rootfs` as long as the node exists. Upgrade = `prepare` a new version, `mount` it; rollback = `mount` the old.
 * All calls are idempotent, leak nothing and survive `kill -9`. Errors: `rootfs-unknown`, `rootfs-mount-failed`,
 * `rootfs-busy` (something still runs in it), `image-unknown`.
 */
export interface NodeRootfs {
  /** Makes the version ready on the image: an empty upper layer, or a copy where overlay is impossible. Keeps what is there. */
  prepare(nodeDirectory: string, version: string, image: UnpackedImage): Promise<RootfsVersion>;

  /**
   * Shows the version at `<node>/rootfs` (replacing another one that is shown, or one that has not the ids that are asked for). With
   * `ownIds` its files belong to a range of ids of its own; copies know no such thing. On disk nothing differs. Returns that path.
   */
  mount(nodeDirectory: string, version: string, options?: { readonly ownIds?: boolean }): Promise<string>;

  /** First id on the machine of the range that the mounted version's files belong to. */
  idBase(nodeDirectory: string): Promise<number | undefined>;

  unmount(nodeDirectory: string): Promise<void>;

  /** The version that is mounted now. */
  mounted(nodeDirectory: string): Promise<string | undefined>;

  list(nodeDirectory: string): Promise<readonly RootfsVersion[]>;

  /** Removes one version (unmounting it first when it is shown). Unknown: success. */
  remove(nodeDirectory: string, version: string): Promise<void>;
}

export interface RootfsVersion {
  /** Name of [a-z0-9._-] up to 80 characters; callers use the image digest's hex, plus a suffix for a second one on the same image. */
  readonly version: string;
  readonly imageDigest: string;
  readonly storage: "overlay" | "reflink" | "copy";
}
