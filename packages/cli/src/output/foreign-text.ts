/**
 * Text that a container or a server made, for a terminal: colours stay, everything else that could move the cursor, change the
 * terminal or hide text is made visible. Newlines and tabs stay.
 */
export function foreignText(text: string): string {
  return text.replaceAll(
    /\u001b\[[0-9;]*m|[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g,
    (match) => (match.length > 1 ? match : "\ufffd"),
  );
}
