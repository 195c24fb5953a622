import { writeFileSync } from "node:fs";
import { functionReference } from "./page.ts";

/** Writes the page of what scripts can call: `node src/reference/main.ts`. A test fails when it is not up to date. */
writeFileSync(new URL("../../../../docs/plugin-functions.md", import.meta.url), functionReference());
