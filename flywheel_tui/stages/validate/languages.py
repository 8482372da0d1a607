"""Which language a text is in, as far as its small words tell: cheap, and sure enough to leave the model alone.

Every word stands for one language only (one that two lists share is left out), so a text whose small words all point
one way is decided; a text with few of them is not.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from typing import Final

_SMALL_WORDS: Final = {
    "en": "the of and that is was for with this are from have which you they be by not what how would been their has"
    " will your can when where there should could about into than its these were it he she his her we my our if how",
    "de": "der und das ist nicht ein eine einen einem mit auf für sich auch es sind wird werden wurde zu zum zur bei"
    " nach oder aber wie ich sie wir ihr über durch kann dass dem den im vom aus diese dieser dieses haben hat sehr",
    "es": "el los las una es del por con para más como pero sus este esta muy también ser fue son está entre cuando"
    " sobre todo desde nos donde quien hasta hay qué cómo yo usted puede lo al y ella estos estas porque",
    "fr": "le les des est une dans pour qui pas sur au avec ce il elle sont aux cette ou nous vous mais leur ses être"
    " fait était plus tout ont peut ces votre c'est n'est d'un d'une je du et à où deux comme très aussi",
    "it": "il di che è per sono della dei nel alla con gli come anche più ha questo questa delle degli dal ma dell'"
    " essere non era loro nella suo sua ci molto perché quando stato può dalla lo ed i",
    "pt": "o os uma não em do da dos das para com mais como mas foi ao ele são também pelo pela isso você seu sua até"
    " nos já está quando muito à às há ou ser tem num numa este esta eles ela um pode",
    "nl": "de het een van en zijn dat niet op te met voor aan er ook als maar bij door naar wordt werd hebben heeft uit"
    " ze hij kunnen deze dit wat je jij u worden over nog om geen meer moet kan",
    "pl": "nie się na do jest że to z jak o w przez dla po ale od był za tylko ich które który która są oraz jego jej"
    " może można gdy przy być czy także bardzo tym tego",
    "sv": "och att det som en är av på för med den inte till har de om ett var vi jag kan från när så ska eller men"
    " också sin hur mycket där detta dessa blir vara",
    "da": "og at det er en på af til der ikke som med for den de har jeg et kan også være vil skal fra eller blev"
    " hvad hvor når disse",
    "no": "og å det er en på av til som ikke med for den de har jeg et kan også være vil skal fra eller ble hva hvor"
    " når disse",
    "fi": "ja on ei se että oli mutta kun niin ovat myös joka hän voi mitä olla tai sen ole kuin sekä jotka tämä",
    "tr": "ve bir bu için ile olarak daha çok gibi olan en kadar sonra ancak değil ben sen var ise veya çünkü her"
    " nasıl ne şey olduğunu",
    "cs": "a se je na že to v s do jako ale od by byl která který jsou pro při nebo také když jeho aby může jsem není",
    "ro": "și în este nu o la pe un cu care din sunt mai pentru ca să fost după sau dar acest această cum dacă ale",
    "hu": "a az és hogy nem egy is volt ez de csak meg vagy már mint amely azt lehet nagyon ezt van",
    "id": "yang dan di dengan untuk dari pada tidak adalah dalam akan atau oleh juga itu karena saya anda dapat bisa",
    "vi": "là và của có được trong không một cho với những các người này để đã khi từ",
    "ru": "и в не на что с как это по для его но из к то все так же она они мы от был быть или когда если только",
    "uk": "і в не на що з як це та до за його але від або у є для бути який також",
}  # fmt: skip
# Words that are small in one language and a word or a part of names in another: they tell nothing.
_AMBIGUOUS: Final = (
    "on in at an as it to me no so do or up all per men die van son come sale non vi era al la el le de los las del des"
    " du da di der den det do dos per pro con com de os um se ha ten un"
)
_WORD: Final = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_SCRIPTS: Final = (
    ("ja", re.compile("[\u3040-\u30ff]")),
    ("ko", re.compile("[\uac00-\ud7af]")),
    ("zh", re.compile("[\u4e00-\u9fff]")),
    ("th", re.compile("[\u0e00-\u0e7f]")),
    ("el", re.compile("[\u0370-\u03ff]")),
    ("he", re.compile("[\u0590-\u05ff]")),
)

NAMES: Final = {
    "en": "english englisch inglés anglais inglese inglês engels angielski ingilizce английский",
    "de": "german deutsch alemán allemand tedesco alemão duits niemiecki almanca немецкий",
    "es": "spanish spanisch español espagnol spagnolo espanhol spaans hiszpański castilian castellano испанский",
    "fr": "french französisch francés français francese francês frans francuski fransızca французский",
    "it": "italian italienisch italiano italien italiaans włoski итальянский",
    "pt": "portuguese portugiesisch portugués português portugais portoghese portugees portugalski brazilian",
    "nl": "dutch niederländisch holandés néerlandais olandese holandês nederlands niderlandzki flemish",
    "pl": "polish polnisch polaco polonais polacco polonês pools polski",
    "ru": "russian russisch ruso russe russo rosyjski русский русском",
    "ja": "japanese japanisch japonés japonais giapponese japonês japans japoński 日本語",
    "zh": "chinese mandarin cantonese chinesisch chino chinois cinese chinês chinees chiński 中文 汉语",
    "ko": "korean koreanisch coreano coréen koreański 한국어",
    "sv": "swedish schwedisch sueco suédois svedese zweeds szwedzki svenska",
    "da": "danish dänisch danés danois danese dansk duński",
    "no": "norwegian norwegisch noruego norvégien norvegese norsk norweski",
    "fi": "finnish finnisch finlandés finnois finlandese suomi suomeksi",
    "tr": "turkish türkisch turco turc türkçe turecki",
    "cs": "czech tschechisch checo tchèque ceco česky",
    "ro": "romanian rumänisch rumano roumain rumeno română",
    "hu": "hungarian ungarisch húngaro hongrois ungherese magyar magyarul",
    "el": "greek griechisch griego grec greco ελληνικά",
    "la": "latin latein latín latino",
    "ar": "arabic arabisch árabe arabe arabo",
    "he": "hebrew hebräisch hebreo hébreu ebraico",
    "hi": "hindi",
    "bn": "bengali bangla",
    "ta": "tamil",
    "te": "telugu",
    "ur": "urdu",
    "fa": "persian farsi persisch persa persan",
    "id": "indonesian indonesisch indonesia bahasa",
    "ms": "malay",
    "vi": "vietnamese vietnamesisch vietnamita vietnamien",
    "th": "thai thailändisch tailandés",
    "tl": "tagalog filipino",
    "sw": "swahili",
    "uk": "ukrainian ukrainisch ucraniano ukrainien",
    "ca": "catalan katalanisch catalán català",
    "eu": "basque euskera",
    "ga": "irish gaelic",
    "cy": "welsh",
    "is": "icelandic isländisch",
    "eo": "esperanto",
    "ha": "hausa",
    "yo": "yoruba",
    "zu": "zulu",
    "bg": "bulgarian bulgarisch",
    "hr": "croatian kroatisch",
    "sr": "serbian serbisch",
    "sk": "slovak slowakisch",
}  # fmt: skip


@cache
def _owners() -> dict[str, str]:
    """Small word to its one language."""
    unsure = set(_AMBIGUOUS.split())
    count = Counter(word for words in _SMALL_WORDS.values() for word in set(words.split()))
    return {
        word: code
        for code, words in _SMALL_WORDS.items()
        for word in words.split()
        if count[word] == 1 and word not in unsure and not (len(word) == 1 and word.isascii())
    }


@cache
def _named() -> dict[str, str]:
    return {word: code for code, words in NAMES.items() for word in words.split()}


def small_words(text: str) -> dict[str, int]:
    """How many different words of the text belong to one language only, per language."""
    owners = _owners()
    counts: dict[str, int] = {}
    for word in owners.keys() & text.lower().split():
        code = owners[word]
        counts[code] = counts.get(code, 0) + 1
    return counts


def guess(text: str, counts: dict[str, int] | None = None) -> str | None:
    """The language of a text by script and small words; None where they do not tell (short, mixed, code).

    `counts` are its small words where they are known already.
    """
    counts = small_words(text) if counts is None else counts
    if counts:
        first = max(counts, key=counts.__getitem__)
        most = counts[first]
        return first if most >= 3 and all(3 * n <= most for code, n in counts.items() if code != first) else None
    return None if text.isascii() else next((code for code, script in _SCRIPTS if script.search(text)), None)


def named_languages(text: str) -> set[str]:
    """Codes of the languages that a text speaks of by name (`translate into Spanish`, `auf Deutsch`)."""
    names = _named()
    return {names[word] for word in _WORD.findall(text.lower()) if word in names}
