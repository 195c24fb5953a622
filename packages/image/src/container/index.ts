export { type ImageConfig, parseImageConfig } from "./image-config.ts";
export { isOperationError, OperationError } from "./operation-error.ts";
