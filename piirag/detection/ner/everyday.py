"""Everyday words that are nobody's name by themselves, though somebody bears them.

A word list made with the model (`weights/words.txt`) leaves out every word that is on a list of
names, and with them "and", "said" and "good": there is a family of each. Lower case and alone
among plain words they are not meant. Beside a word that is not plain they are looked at as part of
the text, so `good` in "philip good" is no loss.

Words that do stand alone for a person or a place in lower case ("will", "rose", "mark"), and those
of street addresses ("lane", "court"), are not here.
"""

from __future__ import annotations

IN_LOWER_CASE = frozenset(
    """
    a about above across act add after afternoon ago air all alone along already also always am an
    and any anyone apart are area aren arm as ask at away back bad bag ball bank bar base basic
    batch be beat bed been beer before begin behind being best better big bird birds bit black
    blue board boat body book books both bowl box bread break bright bring broad build bus but buy
    by cake call can car card cards care case cases cash center centre century chance change cheap
    check child choice city clean clear cold come committee company cool corner cost could couldn
    country course cover cross cup current cut dark day days deal deep did didn dinner do does
    doesn dog doing done down draw dream dress drink drop dry during each early easy eat eight
    else end enough even evening ever every example eye face fact fair fall falls family far fast
    feed feel few fill film final find fine fire first fish five flow food foot for form found
    four free fresh friend from front full fun game gas get glass go goes gone good got great
    green grey group grow guest had half hand hands happy hard has hasn hat have haven he head
    hear heart heat heavy height help her here high him his hit hold hole home hot hour how if in
    inside into is isn it its job join joint just keep kept key kind kitchen know lack land large
    last late later law lead learn least left length less let letter life light like line lines
    list little live ll load local lock log long look lost lot love low lunch made mail main make
    man many map market mass match me meal mean means meat media meet men met might mile milk mind
    mine minute model moment money month months more morning most move much music must my near
    neat neck need nest net never new news next nice night nine no noise noon nor north not note
    noted notice now of off office often oil old on once one only open or other our out oven over
    own pages pain paint pair paper parser part parts party past path peace people per piece plain
    plan plant plate play point pool poor post pot pound power quick quiet quite rain raise range
    rate raw re reach read reading real reason red rest ride right ring rise river role rooms root
    rule run said salt same sand saw say school sea seat second seconds see seem seen sell send
    serve set seven several shall she shop short show side sign simple since site six size skill
    skin sleep slow small snow so soft some son song soon sort sound soup south space speed spoke
    spot staff stage stale stand start state stay steel step still stock stop store storm story
    stream strong such sugar sun sure table take talk tall task tea team tell ten test than that
    the their them then there these they thing things think this those three through till time
    timeout times to today told too took top touch tough track trade train tree trees trip true
    trust try turn two type under until up us use used value very view wait walk wall walls want
    warm was wash wasn watch water ways we weak wear weather week weeks well went were weren west
    wet what wheel when where which while white who whole why wide wild wind window wine winter
    wish with within without won wonder word words work works world worth would wouldn write wrong
    year years yes yesterday yet you your
    """.split()
)

AT_THE_START = frozenset(
    """
    A After All Also Although An And Any Are As At Because Been Before Being Both But By Can Could
    Did Do Does During Each Either Every For From Had Has Have He Her Here His How However If In
    Into Is It Its Just Many More Most Much My Neither No Nor Not Now Of Often On Once One Only Or
    Other Our Out Over Per She Should Since So Some Still Such Than That The Their Then There These
    They This Those Though Through To Today Two Under Until Up Very Was We Were What When Where
    Which While Who Why With Without Would Yes Yet You Your
    """.split()
)
"""The words with which sentences begin."""

EVERYDAY = IN_LOWER_CASE | AT_THE_START | frozenset("d m s t ve".split())
"""Both, and what follows an apostrophe."""

BESIDE_NAMES = frozenset(
    """
    dear dr lady lord madam miss mr mrs ms name named names nickname prof professor sir surname
    """.split()
)
"""Words, in lower case, that announce a name, whatever the list with the model says of them: the
word after one may be any."""

NUMBERED = frozenset({"apartment", "apartments", "building", "buildings", "floor", "room", "suite"})
"""Plain words where there is no figure: an address has a number beside them."""

MODALS = frozenset({"will", "may", "don"})
"""Plain words where `MODAL` says so."""

MODAL = (
    r"\b(?:will|may)(?= (?:not |also |never |always |only |still |then |now |soon )?(?:be|have|"
    r"need|find|take|make|get|go|help|come|show|give|use|work|do|want|keep|let|know|read)\b)"
    r"|\bdon(?=['\u2019]t\b)"
)
"""An auxiliary verb with the main verb after it."""
