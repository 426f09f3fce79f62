"""What says nothing alone, in the customer's words as `signals.fold` leaves them: tables, and nothing else."""

# three of these in one conversation are a reason
UNHAPPY = (
    (
        r"(?:does not|doesn't|didn't|did not|not|isn't|aren't|never) (?:\w+ ){0,2}(?:help|helps|helped|helpful|helping|work|working|works|answer"
        r"|answering|answered|understand|listening|listen|useful|what i asked)\b"
    ),
    (
        r"\b(?:useless|no help|wrong answer|still (?:waiting|nothing|broken|wrong)|already (?:told|tried|asked|said|did)|same answer|not again"
        r"|ridiculous|frustrat\w+|annoy\w+|disappoint\w+|upset|angry|terrible|awful|horrible|stupid|waste of time|come on)\b"
    ),
    r"\b(?:hilft (?:mir )?nicht|funktioniert (?:immer noch )?nicht|no (?:me )?(?:ayuda|funciona|sirve)|ne (?:m'aide|marche|fonctionne) pas)\b",
)
MONEY = (
    r"\b(?:bill(?:s|ed|ing)?|invoices?|charg(?:e|es|ed)|refund(?:s|ed)?|payments?|paid|money|overcharged?|rechnung\w*|zahlung\w*|abbuchung\w*"
    r"|factura\w*|cobr\w+|reembolso\w*|facture\w*|paiement\w*|rembours\w+|fattur\w+|rimbors\w+|fatura\w*|factuur|facturen|terugbetal\w+)\b"
)
TWICE = (
    r"\b(?:charged|billed|debited|paid) (?:\w+ ){0,3}(?:twice|two times|double|again)\b|\bdouble[- ]charged?\b|\b(?:charged double|(?:doppelt|zweimal) abgebucht"
    r"|debitee? deux fois|cobrad[oa] (?:dos veces|(?:em|por) (?:dobro|duplicado))|dubbel afgeschreven|addebitat[oa] due volte)\b"
)
URGENT = (
    r"\b(?:urgent(?:ly|e)?|asap|emergency|immediately|right now|at once|dringend|sofort|notfall|urgencia|urgence|inmediatamente"
    r"|tout de suite|immediatement|subito|imediatamente|immediatamente|spoed|meteen)\b"
)
