export {
  type ContainerUri,
  type DaemonImage,
  type ForeignTransport,
  formatContainerUri,
  hasMutableTag,
  isHostLocal,
  parseContainerUri,
  resolveContainerPath,
} from "./container-uri.ts";
export { dockerHost, dockerImageId } from "./docker-engine.ts";
export { blobsLock, type FetchedImage, fetchToLayout, layoutPath, prepareStore } from "./fetch-to-layout.ts";
export { type FileLockOptions, lockFile, withFileLock } from "./file-lock.ts";
export { withoutSightOf } from "./hidden-folder.ts";
export { type ImageConfig, parseImageConfig } from "./image-config.ts";
export { formatImageReference, type ImageReference, isLoopbackRegistry } from "./image-reference.ts";
export { sweepPartialLayers } from "./large-layers.ts";
export { DEFAULT_FILE_LIMITS, type FileLimits, type ImageFile } from "./layer-files.ts";
export { blobPath, type LayerDescriptor, type LayoutImage, readLayout, readLayoutBlobs } from "./oci-layout.ts";
export { isOperationError, OperationError } from "./operation-error.ts";
export { readFilesFromDockerEngine, readFilesFromImage } from "./read-files.ts";
export { type FetchOptions, resolveDigest } from "./resolve-digest.ts";
export {
  missingTool,
  runTool,
  type StartedTool,
  startChild,
  type ToolEvents,
  type ToolOptions,
  type ToolResult,
  type ToolStarter,
} from "./run-tool.ts";
