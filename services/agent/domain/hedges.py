"""What takes a signal back where it stands directly before it: "I don't need ...", "what if my account was ..."."""

from .phrases import Language, Reason

_SOFT = (
    r"(?: (?:want|wanted|need|needed|wish|like|have|having|has|to|for|you|please|really|even|actually|yet|think|i|we|just|that|be|ask|asking"
    r"|asked|looking|trying|going|gonna|planning|intend|about|at all|necessarily|a|an|the|any|help from|try|yourself|bother|need of))"
)
_NOT = (
    rf"(?:(?<!why )(?<!you )(?:don't|do not|dont|does not|doesn't|didn't|did not|needn't|wouldn't)(?! you\b)|(?<!why )(?<!could )(?<!can )"
    rf"\bnot(?! able| helping)|no need|without|rather not|no longer|i never){_SOFT}{{0,7}}"
)
_UNASKED = (
    r"(?:(?:do|did|must|should|would|will|does) (?:i|we|one|anyone|customers) (?:really |still |even |always )?(?:have|need) to"
    r"|(?:what happens|if|when|whenever|after|before|while|once|had to|managed to|was able to|were able to)(?: (?:i|we|you))?"
    r"|cost\w* (?:\w+ )?to|(?:am|was|were|are) (?:i|we|you) (?:not )?(?:able to)?)"
)
_NOT_DE, _NOT_ES, _NOT_FR = (
    r"(?<!kann ich )(?<!darf ich )nicht(?: bitte| jetzt| unbedingt)*|muss ich(?: \w+)?|ohne",
    r"\bno(?: (?:quiero|necesito|quisiera|deseo|hace falta|me gustaria|tengo que|es necesario|hay que|pienso|voy a))*|sin(?: tener que)?|tengo que",
    r"\bpas(?: (?:besoin|envie|de|a|obligee?|avoir|necessaire|souhaite))*|sans(?: avoir a)?|dois-je",
)
_CONDITIONAL = (
    r"(?:(?<!know )(?<!check )(?<!see )(?<!sure )(?<!tell me )\bif|in case|suppose|policy on|prevent\w*|avoid\w*|protect\w*|against|how do you"
    r"|what happens when|what is (?:a|an|the|your)|what counts|what to do when|falls|fur den fall|en caso de|\bsi)\b[^.!?;]{0,80}"
)
_NEVER = r"(?:not|never|\w+n't|wont|no|nicht|kein\w*|pas)(?: (?:yet|been|be|going to|gonna|planning to|at all|really|even|a|any|that|so|very|want to be))*"
# What others did and felt: "my neighbour sued his bank".
_OTHERS = (
    r"\b(?:neighbou?rs?|cousin|friend|uncle|aunt|(?:brother|sister)-in-law|colleague|nachbar\w*|schwager|schwagerin|tante|onkel|radio|fernsehen"
    r"|vecin[oa]s?|prim[oa]|cunad[oa]|ti[oa]|voisine?s?|cousine?|oncle|beau-frere|belle-soeur)\b[^.!?;]{0,80}"
)
UNDONE: dict[Reason, dict[Language, str]] = {
    "asked_for_person": {"en": rf"{_NOT}|{_UNASKED}", "de": _NOT_DE, "es": _NOT_ES, "fr": _NOT_FR},
    "safety": dict.fromkeys(("en", "de", "es", "fr"), rf"{_CONDITIONAL}|{_NEVER}"),
    "security": dict.fromkeys(("en", "de", "es", "fr"), rf"{_CONDITIONAL}|{_NEVER}"),
    "legal": dict.fromkeys(("en", "de", "es", "fr"), rf"{_NEVER}|{_OTHERS}"),
    "anger": dict.fromkeys(("en", "de", "es", "fr"), rf"{_NEVER}|{_OTHERS}"),
}
