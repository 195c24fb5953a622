import type { AuxService, Job, PluginConfig, Service } from "./model.ts";
import { DOWNLOAD_JOB, UPLOAD_JOB } from "./plan.ts";

/** A part of the config that becomes a job, in the order in which the reference looks at names. */
export interface JobLike {
  readonly section: JobSection;
  readonly path: string;
  readonly part: AuxService | Service | Job;
  readonly needs: readonly string[];
}

export const SECTIONS = {
  aux_services: "Auxiliary services",
  init: "Init jobs",
  post_download: "Post-download jobs",
  services: "Services",
  pre_upload: "Pre-upload jobs",
  post_upload: "Post-upload jobs",
} as const;

export type JobSection = keyof typeof SECTIONS;

export const RESERVED_NAMES: readonly string[] = [UPLOAD_JOB, DOWNLOAD_JOB];

export function jobLikes(config: PluginConfig): JobLike[] {
  const of = (
    section: JobSection,
    path: string,
    parts: readonly (AuxService | Service | Job)[] | null | undefined,
  ): JobLike[] =>
    (parts ?? []).map((part, index) => ({
      section,
      path: `${path}[${index}]`,
      part,
      needs: ("needs" in part && part.needs) || [],
    }));
  return [
    ...of("aux_services", "aux_services", config.aux_services),
    ...of("init", "init.jobs", config.init?.jobs),
    ...of("post_download", "post_download", config.post_download),
    ...of("services", "services", config.services),
    ...of("pre_upload", "pre_upload.jobs", config.pre_upload?.jobs),
    ...of("post_upload", "post_upload", config.post_upload),
  ];
}
