import { parseVersion } from "@blockvisor/image/version";
import type { ImageService } from "@blockvisor/wire/blockjoy/v1/image";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import { callerOf } from "../auth/caller.ts";
import { autoUpgrade } from "../nodes/auto-upgrade.ts";
import { type Platform, write } from "../platform.ts";
import { seenBy, versionKey, versionsOf, viewerOf } from "../protocols/catalogue.ts";
import { visibilityName } from "../protocols/protocol-message.ts";
import { failedPrecondition, invalidArgument, notFound } from "../rpc-error.ts";
import { key, uuid } from "../wire-fields.ts";
import { addImage } from "./add-image.ts";
import { archiveMessages, imageMessage, loadImage } from "./image-model.ts";

const orgsOf = (orgId: string | undefined) => (orgId === undefined ? [] : [orgId]);

/** Spec §2.8; editing of published images is not part of this version. */
export function imageService(platform: Platform): Partial<ServiceImpl<typeof ImageService>> {
  const { db } = platform;
  return {
    async addImage(request, context) {
      const viewer = viewerOf(callerOf(context), orgsOf(request.orgId));
      return write(platform, context, request, async (tx) => {
        const model = await loadImage(tx, await addImage(tx, viewer, request));
        return { image: imageMessage(model), archives: archiveMessages(model.archives, model.properties) };
      });
    },

    async getImage(request, context) {
      const viewer = viewerOf(callerOf(context), orgsOf(request.orgId));
      const versions = await versionsOf(db, viewer, versionKey(request.versionKey));
      const wanted = request.semanticVersion?.toLowerCase();
      if (wanted !== undefined && parseVersion(wanted) === undefined) throw invalidArgument("protocol_version");
      const version =
        wanted === undefined ? versions.at(-1) : versions.find((candidate) => candidate.semantic_version === wanted);
      if (version === undefined) throw new ConnectError("Not found.", Code.NotFound);
      let query = db
        .selectFrom("images")
        .select("id")
        .where("protocol_version_id", "=", version.id)
        .where(seenBy(viewer, "images"))
        .orderBy("build_version", "desc");
      if (request.buildVersion !== undefined) query = query.where("build_version", "=", request.buildVersion);
      const image = await query.limit(1).executeTakeFirst();
      if (image === undefined) {
        throw new ConnectError(
          request.buildVersion === undefined ? "Not found." : "No image for that build.",
          Code.NotFound,
        );
      }
      return { image: imageMessage(await loadImage(db, image.id)) };
    },

    async updateImage(request, context) {
      const caller = callerOf(context);
      const id = uuid(request.imageId, "image_id");
      if (request.visibility === undefined) throw failedPrecondition("Nothing to update.");
      const visibility = visibilityName(request.visibility);
      return write(platform, context, request, async (tx) => {
        const before = await tx
          .selectFrom("images")
          .select("visibility")
          .where("id", "=", id)
          .where(seenBy(viewerOf(caller), "images"))
          .forUpdate()
          .executeTakeFirst();
        if (before === undefined) throw notFound("Image");
        await tx.updateTable("images").set({ visibility, updated_at: new Date() }).where("id", "=", id).execute();
        const model = await loadImage(tx, id);
        // Becoming public is what rolls an image out, never the push of a private one (CA-2.42).
        if (visibility === "public" && before.visibility !== "public")
          await autoUpgrade(platform, tx, model, caller.resource);
        return { image: imageMessage(model) };
      });
    },

    async listArchives(request, context) {
      const viewer = viewerOf(callerOf(context), orgsOf(request.orgId));
      const id = uuid(request.imageId, "image_id");
      const seen = await db
        .selectFrom("images")
        .select("id")
        .where("id", "=", id)
        .where(seenBy(viewer, "images"))
        .executeTakeFirst();
      if (seen === undefined) throw notFound("Image");
      const { archives, properties } = await loadImage(db, id);
      return { archives: archiveMessages(archives, properties) };
    },

    async updateArchive(request, context) {
      const id = uuid(request.archiveId, "archive_id");
      if (request.storeKey === undefined) throw failedPrecondition("Nothing to update.");
      const storeKey = key(request.storeKey, "store_key", 6);
      return write(platform, context, request, async (tx) => {
        const archive = await tx
          .updateTable("archives")
          .set({ store_key: storeKey })
          .where("id", "=", id)
          .returningAll()
          .executeTakeFirst();
        if (archive === undefined) throw notFound("Image archive");
        const [message] = archiveMessages([archive], (await loadImage(tx, archive.image_id)).properties);
        return message === undefined ? {} : { archive: message };
      });
    },
  };
}
