/**
 * What keeps a node to its disk size (spec host-daemon DB-5.9). `shared`: nothing in the kernel; its files lie among those of others and
 * `daemon/disk-guard.ts` watches. Otherwise its data and what it changes of its image lie in `<node>/space`: a btrfs subvolume with a
 * quota, or an ext4 file system in `<node>/space.img`.
 */
type SpaceKind = "shared" | "subvolume" | "image";

interface NodeSpace {
  readonly kind: SpaceKind;
  /** The size that is in force; 0: none yet. */
  readonly gb: number;
}

/** Bytes. */
export interface SpaceUse {
  readonly used: number;
  readonly limit: number;
}

/**
 * Spaces of nodes, named by the node's directory. Every call may be repeated, and cut anywhere. Errors: `failed` where a space is
 * gone, and those of tools.
 */
export interface NodeSpaces {
  /** What a new node of that many GB (1 000 000 000 bytes) gets. */
  kindFor(gb: number): Promise<SpaceKind>;

  /** Makes the space of a new node, shows the one of an old node, gives it its size. `<node>/data` and `<node>/roots` lead into it. */
  prepare(directory: string, kind: SpaceKind, options: SpaceOptions): Promise<void>;

  /** Whether the space can be used. Looks on the spot. */
  isReady(directory: string, kind: SpaceKind): boolean;

  /** What lies in it, as the kernel counts it, whatever that is; undefined where nothing is counted. */
  use(directory: string, kind: SpaceKind): Promise<SpaceUse | undefined>;

  /**
   * A full space gets some more room, for what the host and babel have to write in it while the node goes up or down. A node that takes it
   * for itself can only be stopped by force.
   */
  giveRoom(directory: string, space: NodeSpace): Promise<void>;

  /** Takes the room back. */
  keepRoom(directory: string, space: NodeSpace): Promise<void>;

  /** Unmounts what is mounted. What lies on the disk goes with the directory. */
  close(directory: string): Promise<void>;
}

interface SpaceOptions {
  readonly gb: number;
  /** The size it was given before; 0: none yet. Images do not become smaller. */
  readonly before: number;
  /** A space that an old node had and that is gone is an error: its data were in it. */
  readonly isNew: boolean;
  /** Unmounts what stands on it, where it cannot grow while it is used. */
  readonly release: () => Promise<void>;
}
