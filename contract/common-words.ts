/**
 * Words that people also use as names. A character with such a name is found only as its name is written, with its
 * capital: "the sun rose" is not about Rose. Names of two letters and fewer are always treated so. Not a dictionary: given
 * names, pet names and names of story characters that are English words, and some of other languages.
 */
const WORDS = `
ace acorn amber an angel apple april arrow art ash aspen aster auburn august aurora autumn bambi bandit barb basil beach
bean bear beau beauty bee bell berry bill birch bird biscuit blaze blessing blossom blue bob boots breeze brick bright
brook brown bruno bubbles buck bud buddy bug bunny buster butter buttercup button buttons candy captain carol cash cat
chance charity charm chase cherry chestnut chip chocolate christian cinnamon clay clementine cliff cloud clover coal coco
cocoa comet cookie copper coral cotton cricket crow crystal cub curly daffodil daisy dale dandelion dash dawn day dean
dew diamond dick dixie doc dog doll dolly dolphin dot dove drake drew duck duke dusk dusty eagle earl earnest east ebony
echo eden elder ember emerald eve ever faith falcon fancy fawn feather fidget finch finn fire flash fleur flora
flower fluff fluffy forest fox frank freckles free freedom friday frost fudge fuzzy gale garnet gem gene gentle george
ginger glen glory gold goldie goldy goose grace grant gray green grey griffin guy happy harmony harper hart harvest haven
hawk hazel heath heather heaven henna herb hero holly honey hope horse hunter ice indigo iris iron ivory ivy jack jade
jam jasmine jay jean jelly jet jewel jimmy john jolly josh joy jules july june jungle junior juniper justice kit kite
kitten kitty king knight lad lady lake lance lark laurel lavender leaf lee lemon leo liberty lightning lily lime lion
little love luck lucky luna magic magnolia maid maple marigold mark marmalade mars marsh mask mason max may me meadow
melody mercury mercy merry midnight milk mint miracle miss misty mocha mole monday moon moose morning moss mouse mr mrs
muffin myrtle nectar nemo nick night noble noodle north nova nut nutmeg oak oats ocean old olive onyx opal orange orchid
oreo oscar otter owl paige page pal panda pansy parker parsley pat patch patience peace peach peanut pearl pebble pebbles
penny peony pepper petal phoenix pickle pie piggy pine pinky pip piper pippin pirate pixie plum poppy porter prince
princess promise puck pudding puff pumpkin puppy queen quill rabbit rain rainbow raven ray red reed reef rich ridge ripple
river rob robin rock rocket rocky rod roman rose rosemary rosy rowan ruby rusty rye saffron sage sailor sally salt sandy
santa sapphire savannah scarlet scout sea season shade shadow shell sheriff shy sierra silver sky sleepy smoke smokey
smoky smudge snow snowball snowy sophia sparkle sparky sparrow speedy spice spike spirit spot spring sprout squirrel star
sterling stone storm strawberry stripe sue sugar summer sun sunday sunny sunshine swan sweet sweetie tabby tansy tawny teddy
temple thistle thorn thunder tiger tiny toffee tom toy trinity trip true trusty tuesday tulip twig twinkle velvet venus
victor victory viola violet wade walker wanda warren waters wave wednesday west whiskers whisky white wild will willow
winter wisdom wolf wood woody wren yarrow yellow young zest
alba alma aurore bella blanca bruna cielo claire claro dolores estrella felix flor florian gloria heike heinz lea linda
lune mai mar marina mia nieves nuit paz perla pierre reina rosa sol sole sonne stella stern vera victoria viola vita
`
const words = new Set(WORDS.trim().split(/\s+/))

/** Whether a name, in lower case, is likely to occur in prompts as a word. */
export const isCommonWord = (name: string): boolean => name.length <= 2 || words.has(name)
