import { styleText } from "node:util";

export type Colour = "red" | "green" | "yellow" | "blue" | "cyan" | "dim" | "bold";

/** Colours a text, or leaves it as it is. */
export type Paint = (colour: Colour, text: string) => string;

/** A terminal, perhaps. */
export type OutputStream = NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };

/** Colours only for a terminal that can show them; `NO_COLOR` and `FORCE_COLOR` are honoured. */
export function paintFor(stream: OutputStream): Paint {
  return (colour, text) => styleText(colour, text, { stream });
}

/** The number of columns a text takes on a terminal: escape sequences take none. */
export function displayWidth(text: string): number {
  return [...text.replaceAll(/\u001b\[[0-9;]*m/g, "")].length;
}
