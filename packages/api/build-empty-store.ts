// Writes the empty store that new embedded databases begin with, unless it is there. See src/database/empty-store.ts.
//   node build-empty-store.ts [TARGET]
import { join } from "node:path";
import { packEmptyStore } from "./src/database/empty-store.ts";

const [target = join(import.meta.dirname, "../../dist/api")] = process.argv.slice(2);
await packEmptyStore(target, join(import.meta.dirname, "src/database/migrations"));
