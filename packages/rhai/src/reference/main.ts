import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { pages } from "./pages.ts";

/** Writes the generated pages of `docs/`: `node src/reference/main.ts`. A test fails when they are not up to date. */
const docs = fileURLToPath(new URL("../../docs/", import.meta.url));
mkdirSync(docs, { recursive: true });
for (const [file, text] of pages()) writeFileSync(`${docs}${file}`, text);
