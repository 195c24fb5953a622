import { operandsOf } from "../../../command/option-words.ts";
import { namesOf, type Verb } from "../../../command/verb.ts";
import { Failure } from "../../../failure/failure.ts";

/**
 * The node may stand before the sub-command (`bv node job NODE list`, host-daemon §2.2) as well as behind it or nowhere
 * (`bv node job list`, §2.3). The first order becomes `list --node NODE`; a word that is a sub-command is taken as one
 * unless the next word is one too.
 */
export function nodeBeforeSubCommand(words: readonly string[], verb: Verb): readonly string[] {
  const isSub = (word: string | undefined) =>
    word !== undefined && (verb.verbs ?? []).some((sub) => namesOf(sub).includes(word));
  const [first = -1, second = -1] = operandsOf(words, verb);
  const [node, sub] = [words[first], words[second]];
  const asksForHelp = words.some((word) => word === "--help" || word === "-h");
  if (node !== undefined && !isSub(node) && !isSub(sub) && !asksForHelp) throw unknownCommand(sub ?? node, verb);
  if (node === undefined || sub === undefined || !isSub(sub)) return words;
  if (isSub(node) && words.length <= second + 1 && !takesNoJob(node, verb)) return words;
  return [...words.slice(0, first), ...words.slice(first + 1, second), sub, "--node", node, ...words.slice(second + 1)];
}

/** The word that should have been a command: the second of two, as the first is the node then. */
function unknownCommand(word: string, verb: Verb): Failure {
  const commands = (verb.verbs ?? []).filter(({ hidden }) => !hidden).map(({ name }) => name);
  return new Failure("usage", `'${word}' is nothing that can be done with jobs`, {
    hint: `\`bv node job [NODE] COMMAND\` with one of ${commands.join(", ")}`,
  });
}

/** `list list` can only be the sub-command of a node that is called "list"; `start list` starts a job called "list". */
function takesNoJob(word: string, verb: Verb): boolean {
  const sub = (verb.verbs ?? []).find((candidate) => namesOf(candidate).includes(word));
  return !sub?.arguments?.some(({ completes }) => completes === "job");
}
