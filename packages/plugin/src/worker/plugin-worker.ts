import { serve } from "./serve.ts";

/* The entry of a plugin worker that runs from source. */
serve();
