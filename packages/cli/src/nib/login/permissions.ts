/** What looking needs. */
export const readPermissions = [
  "protocol-view-public",
  "protocol-get-protocol",
  "protocol-get-latest",
  "protocol-list-protocols",
  "protocol-list-variants",
  "protocol-list-versions",
] as const;

/** What pushing needs on top (nib-and-images §1.5). */
export const pushPermissions = [
  "protocol-admin-update-protocol",
  "protocol-admin-update-version",
  "protocol-admin-add-protocol",
  "protocol-admin-add-version",
  "protocol-admin-view-private",
  "image-admin-get",
  "image-admin-add",
  "image-admin-list-archives",
  "image-admin-update-archive",
  "image-admin-update-image",
] as const;

/** Nice to have, asked for when the user holds them: images in development, logging out by deleting the key, and the hosts of the user's orgs. */
export const extraPermissions = [
  "protocol-view-development",
  "api-key-list",
  "api-key-delete",
  "host-list-hosts",
  "host-get-host",
] as const;

/** `nib secret` for the user's orgs and their nodes. */
export const secretPermissions = ["secret-manage"] as const;

/** What only platform administrators hold: retention, grants and quotas of archives (`bv archive`), secrets of the platform, and all hosts. */
export const administratorPermissions = [
  "archive-admin-manage",
  "secret-admin-manage",
  "host-admin-list-hosts",
  "host-admin-get-host",
] as const;
