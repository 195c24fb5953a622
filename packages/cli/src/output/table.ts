import { type Colour, displayWidth, type Paint } from "./paint.ts";

export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => string;
  readonly align?: "right";
  readonly colour?: Colour | ((row: Row) => Colour);
}

/**
 * A table without borders, with a rule above and below (host-daemon §2.2). Columns are as wide as their widest cell.
 */
export function renderTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[], paint: Paint): string {
  const cells = rows.map((row) => columns.map((column) => printable(column.value(row))));
  const widths = columns.map((column, index) =>
    Math.max(displayWidth(column.title), ...cells.map((row) => displayWidth(row[index] ?? ""))),
  );
  const line = (texts: readonly string[], colours: readonly (Colour | undefined)[]) =>
    texts
      .map((text, index) => {
        const gap = " ".repeat(Math.max(0, (widths[index] ?? 0) - displayWidth(text)));
        const colour = colours[index];
        const painted = colour ? paint(colour, text) : text;
        return columns[index]?.align === "right" ? gap + painted : painted + gap;
      })
      .join("  ")
      .trimEnd();
  const rule = paint("dim", "─".repeat(widths.reduce((sum, width) => sum + width + 2, 0)));
  const header = line(
    columns.map((column) => column.title),
    columns.map(() => "bold"),
  );
  const body = rows.map((row, index) =>
    line(
      cells[index] ?? [],
      columns.map((column) => (typeof column.colour === "function" ? column.colour(row) : column.colour)),
    ),
  );
  return [rule, ...[header, ...body].map((text) => ` ${text}`), rule].join("\n");
}

/** What a container or a remote said cannot move the cursor or forge lines of a table. */
export function printable(text: string): string {
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, " ");
}
