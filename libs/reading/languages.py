"""The language of a document, from its script and from the words that every sentence needs.

py3langid would tell more languages; loading it takes 0.6 s and 130 MB, in a process that lives for one file.
"""

import re
from collections import Counter
from functools import cache

_SAMPLE_CHARACTERS = 20_000
_LEAST_LETTERS = 12
_LEAST_WORDS = 4
_LEAST_SHARE = 0.07
_LEAD = 1.25
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?")
_ADDRESS = re.compile(r"https?://\S+|[\w.+-]+@\S+|`[^`\n]*`")

_SCRIPTS = [
    ("ja", "\u3040-\u30ff"), ("ko", "\uac00-\ud7a3\u1100-\u11ff"), ("zh", "\u4e00-\u9fff\u3400-\u4dbf"),
    ("el", "\u0370-\u03ff"), ("he", "\u0590-\u05ff"), ("th", "\u0e00-\u0e7f"), ("hi", "\u0900-\u097f"),
    ("bn", "\u0980-\u09ff"), ("ta", "\u0b80-\u0bff"), ("te", "\u0c00-\u0c7f"), ("ka", "\u10a0-\u10ff"),
    ("hy", "\u0530-\u058f"), ("am", "\u1200-\u137f"), ("km", "\u1780-\u17ff"), ("my", "\u1000-\u109f"),
    ("arabic", "\u0600-\u06ff"), ("cyrillic", "\u0400-\u04ff"),
]  # fmt: skip
_TABLES = {
    "en": "the of and to in is that it for was on are with as be at this have from or by not but you your we can if will they what which do how our has",
    "de": "der die und das ist nicht ein eine zu den mit von für sie auf dem im sich des es auch werden oder wird bei wir ihr ihre nach wie aus einen kann können wenn haben zum zur",
    "fr": "le la les des et est un une du dans que pour qui sur pas par vous nous au avec ce sont votre être ou cette plus aux vos je peut comment si ne",
    "es": "el la los las de que y en un una es por con para no se del su al lo como más pero sus si está puede usted qué cómo este esta son tu ha",
    "it": "il di che la e un una è per in non sono del della con si le dei da gli alla nel come più ma anche i al questo se può delle hai",
    "pt": "o a os as de que e do da em um uma para com não é por no na se mais dos das ao como seu sua você são pode ou está foi também",
    "nl": "de het een en van is dat op te in niet voor met zijn die je aan er om als ook wij u uw kan of bij naar wordt deze worden hebben door",
    "sv": "och att det som en på är av för med till inte den har de ett om du kan vi från ska eller din när så vara hur",
    "da": "og at det som en på er af for med til ikke den har de et om du kan vi fra skal eller din når så være hvordan hvis jeg vil ved",
    "no": "og at det som en på er av for med til ikke den har de et om du kan vi fra skal eller din når så være hvordan hvis jeg vil ved etter",
    "fi": "ja on ei se että voit hän mutta ovat oli kun niin myös tai jos sinun olet joka ole mitä tämä miten kuin sen voi",
    "pl": "i w na z nie do się że jest to jak od za po przez dla są czy lub może oraz który jeśli aby tym twoje można przy",
    "cs": "a v na se je že s do z pro jsou nebo jak si by to po za od které můžete ale při pokud není vaše jste jako být",
    "sk": "a v na sa je že s do z pre sú alebo ako si by to po za od ktoré môžete ale pri ak nie je vaše ste byť",
    "hu": "a az és hogy nem is egy van ha meg vagy ez azt de csak el már kell után lehet mint hogyan ezt amely által",
    "ro": "și de la în a cu pe nu este un o că din care pentru sunt se mai sau ca dacă fi poate prin ale acest dumneavoastră",
    "hr": "i u na je da se za od s su kako ne ili te koji ako što će po iz nije možete biti vaš",
    "tr": "ve bir bu için ile da de ne çok daha olarak değil var mi olan gibi veya nasıl kadar sonra size her ise",
    "vi": "và của là các có không được cho một với những trong để này khi người tôi bạn từ cũng như thể về",
    "id": "dan yang di untuk dengan dari tidak ini itu ke anda pada adalah akan dalam atau bisa kami jika juga oleh telah dapat",
    "ca": "el la els les de que i en un una és per amb no es del al com més però si pot són aquest aquesta seva vostè teva",
    "ru": "и в не на что с по как это для из к от вы а или мы если при то ваш его можно же есть чтобы но так",
    "uk": "і в не на що з по як це для із до від ви а або ми якщо при то ваш його можна є та щоб але так у й",
    "bg": "и в не на че с по как това за от до се да а или ние ако при то вашия са е ще ви може които",
    "sr": "и у не на да се за од је су како или ако што ће по из није може бити који са то",
    "ar": "في من على إلى أن هذا التي هل ما لا عن مع كيف يمكن أو هو هذه كان لم إذا كل",
    "fa": "در از به که این را با است برای آن هم می یا شما چگونه اگر تا بر یک کنید های",
    "ur": "میں کے کی ہے سے کو اور کا یہ پر نے ہیں کر آپ اس کیا نہیں ہو بھی تو",
}  # fmt: skip
_IN_SCRIPT = {"arabic": ("ar", "fa", "ur"), "cyrillic": ("ru", "uk", "bg", "sr")}


def language_of(text: str) -> str:
    """Give the ISO 639-1 code of a text's language; empty where its words do not tell."""
    sample = _ADDRESS.sub(" ", text[:_SAMPLE_CHARACTERS])
    letters = sum(map(str.isalpha, sample))
    if letters < _LEAST_LETTERS:
        return ""
    script = _script_of(sample, letters)
    if script and script not in _IN_SCRIPT:
        return script
    codes = _IN_SCRIPT.get(script, tuple(_TABLES))
    words = _WORD.findall(sample.lower())
    scores: dict[str, float] = {}
    hits: Counter[str] = Counter()
    for word, count in Counter(words).items():
        having = [code for code in _by_word().get(word, ()) if code in codes]
        for code in having:
            scores[code] = scores.get(code, 0.0) + count / len(having)
            hits[code] += count
    return _clearest(scores, hits, len(words))


def _clearest(scores: dict[str, float], hits: Counter[str], words: int) -> str:
    ranked = sorted(scores.items(), key=lambda item: item[1], reverse=True)
    (best, most), (_, next_most) = [*ranked, ("", 0.0), ("", 0.0)][:2]
    if not best or hits[best] < max(_LEAST_WORDS, words * _LEAST_SHARE) or most < next_most * _LEAD:
        return ""
    return best


def _script_of(sample: str, letters: int) -> str:
    """Name the script that a good part of the letters is in; Kana decides over Han."""
    for name, ranges in _SCRIPTS:
        count = len(re.findall(f"[{ranges}]", sample))
        if count > letters * (0.1 if name == "ja" else 0.3):
            return name
    return ""


@cache
def _by_word() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for code, table in _TABLES.items():
        for word in dict.fromkeys(table.split()):
            found.setdefault(word, []).append(code)
    return {word: tuple(codes) for word, codes in found.items()}
