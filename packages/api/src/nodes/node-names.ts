import { randomInt } from "node:crypto";

const adverbs =
  "barely boldly briefly brightly calmly clearly closely daily deeply early easily evenly fairly finely firmly freely freshly fully gently gladly greatly happily highly kindly largely lightly loudly loyally mainly mildly neatly newly nicely openly partly plainly proudly purely quickly quietly rarely really richly safely sharply shyly simply slowly smoothly softly solely strongly surely swiftly terribly thickly tightly truly vastly warmly widely wildly wisely yearly";
const adjectives =
  "able amber ample apt astute azure bold brave bright brisk calm candid clever cosmic crisp daring deft eager elegant fair fancy fine fleet fond frank free fresh gentle glad golden grand handy happy hardy honest humble ideal jolly keen kind large light lively lucky mellow merry mighty modern modest neat noble patient placid polite prime proud quick quiet rapid rare ready robust royal sharp shiny silent simple sleek smart smooth solid sound steady strong subtle sunny swift tidy tough tranquil trusty upbeat valid vivid warm wise witty young";
const nouns =
  "albatross alpaca antelope badger bat bear beaver bee beetle bison boar buffalo camel caribou cat cheetah cobra condor coral cougar coyote crab crane cricket crow deer dingo dolphin donkey dove dragonfly duck eagle eel egret elephant elk falcon ferret finch firefly flamingo fox frog gazelle gecko gibbon giraffe goat goose gopher grouse gull hare hawk hedgehog heron hornet horse hyena ibex ibis iguana impala jackal jaguar jay kestrel kiwi koala lark lemur leopard lion lizard llama lobster lynx macaw magpie marmot marten mink mole moose mouse mule newt ocelot octopus orca oriole osprey otter owl oyster panda panther parrot pelican penguin pheasant pigeon pony puffin puma quail rabbit raccoon ram raven robin rook salmon seal shark sheep shrew skunk sloth snail sparrow spider squid stag starling stoat stork swan tapir tern tiger toad toucan trout turtle viper vole vulture walrus wasp weasel whale wolf wombat wren yak zebra";

const lists = [adverbs, adjectives, nouns].map((words) => words.split(" "));

/** Three (or four) English words joined by `-`: speakable names for nodes (spec §4.5). */
export function nodeName(words: 3 | 4 = 3): string {
  const chosen = lists.map((list) => list[randomInt(list.length)] ?? "");
  const extra = words === 4 ? [lists[1]?.[randomInt(lists[1].length)] ?? ""] : [];
  return [...chosen.slice(0, 1), ...extra, ...chosen.slice(1)].join("-");
}
