import { randomInt } from "node:crypto";

const words = [
  [
    "brave",
    "calm",
    "clever",
    "eager",
    "gentle",
    "happy",
    "jolly",
    "keen",
    "lively",
    "mellow",
    "noble",
    "proud",
    "quick",
    "quiet",
    "sharp",
    "smooth",
    "steady",
    "sunny",
    "swift",
    "witty",
  ],
  [
    "amber",
    "azure",
    "coral",
    "crimson",
    "golden",
    "green",
    "indigo",
    "ivory",
    "jade",
    "lilac",
    "ochre",
    "olive",
    "pearl",
    "plum",
    "ruby",
    "silver",
    "teal",
    "umber",
    "violet",
    "white",
  ],
  [
    "badger",
    "crane",
    "dolphin",
    "eagle",
    "falcon",
    "finch",
    "fox",
    "heron",
    "ibex",
    "jay",
    "koala",
    "lynx",
    "marten",
    "otter",
    "panda",
    "raven",
    "seal",
    "stork",
    "tapir",
    "wren",
  ],
] as const;

/** So often words are drawn before a number tells the name from those of others. */
const draws = 100;

/** A node's name when nobody gave one: three words (spec nib-and-images §5.4) that no other node has. */
export function petName(used: ReadonlySet<string>): string {
  for (let draw = 1; ; draw += 1) {
    const drawn = words.map((list) => list[randomInt(list.length)]).join("-");
    const name = draw <= draws ? drawn : `${drawn}-${draw}`;
    if (!used.has(name)) return name;
  }
}
