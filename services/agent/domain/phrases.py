"""What customers write when a person should take over, in four languages: tables, and nothing else.

Texts are matched sentence by sentence as `signals.fold` leaves them: lower case, no accents, straight apostrophes, single
spaces. `<name>` in a pattern stands for the words of that name. Patterns begin and end at the borders of words.
"""

from typing import Literal

Language = Literal["en", "de", "es", "fr"]
Reason = Literal["safety", "security", "legal", "anger", "asked_for_person"]

WORDS = {
    # --- English
    "kind": r"(?:(?:a|an|the|your|some|any|one of your|another|actual|real|live|living|human|proper|competent|different"
    r"|available|senior|customer|client|support|service|services|care|technical|tech|sales|billing|account|floor|shift"
    r"|help ?desk|call cent(?:er|re)|damn|fucking|bloody) )",
    "human": r"(?:human(?: being)?s?(?! (?:resources?|rights|errors?|readable|body|verification|translat\w*))|person"
    r"|(?<=real )people|(?<=actual )people)",
    "staff": r"(?:agent|representative|rep|operator|manager|supervisor|advis[eo]r|specialist|team member|member of (?:staff|the team|your team)|staff(?: member)?"
    r"|employee|colleague|boss|superior|technician|consultant)s?",
    "someone": r"(?:(?:some|any)(?:one|body)|(?:whoever is|the (?:one|person)) in charge)",
    "desk": r"(?:(?:the|your|customer|technical|tech|sales|billing|live|human|real) ){0,3}"
    r"(?:support|service|care|help ?desk|team)(?: team| department| staff| desk)?",
    # what makes another thing of an agent, a person or a support: "the agent's name", "the support page"
    "itself": r"(?!['-]|\w| (?:pages?|numbers?|accounts?|names?|id|plans?|portals?|apps?|software|modes?|versions?|logins?"
    r"|passwords?|roles?|fees?|positions?|jobs?|resources|emails?|hours|articles?|forums?|forms?|docs|documentation"
    r"|websites?|sites?|lines?|licen[cs]es?|discounts?|programs?|api|dashboard|address|tickets?|history|instructions?))",
    # after a person who is wanted, nothing but this: "I need a manager account" is about an account
    "done": r"(?= (?:please|pls|plz|now|here|instead|immediately|asap|right|today|not|who|and|or|but|because|on (?:the|this)"
    r"|about|at once|urgently|to (?:talk|speak|chat|help|call|contact|look|handle|answer|review|fix|sort|take over)"
    r")\b| ?[.!?,;:)]| ?$)",
    "me": r"(?:me|us|this|(?:this|the|my) (?:chat|call|conversation|case|issue|matter))",
    "want": r"(?:(?:i|we) (?:really |just |only |still |now |do )?(?:want|need|demand|require|request|wanna have|insist on"
    r"|prefer)|(?:i'd|we'd|i would|we would|id) (?:really |much )?(?:like|prefer|rather have|love)|i'll take|i'll have"
    r"|^(?:need|want|request|get|give)|(?:get|give|bring|find) (?:me|us)|asking (?:you )?for|(?:can|could|may) (?:i|we)"
    r" (?:please )?(?:have|get))",
    "bot": r"(?:(?:a|an|the|this|your|some|stupid|dumb|damn|useless) ){0,3}(?:chat ?bots?|bots?|robots?|machines?|ai|computers?)",
    "mine": r"(?:my|our) (?:\w+ ){0,2}(?:account|accounts|e-?mail|profile|card|login|password|identity|data|wallet)",
    "taken": r"(?:hacked|compromised|hijacked|stolen|taken over|broken into|breached|cloned)",
    "deed": r"(?:charge|payment|transaction|access|log-?in|sign-?in|purchase|withdrawal|debit|transfer|order|activity)s?",
    "counsel": r"(?:lawyer|attorney|solicitor|barrister|legal (?:team|counsel|representative|advisor|department))s?",
    # --- German, Spanish, French
    "einem": r"(?:(?:einem|einer|einen|eine|nem|ner|nen|ne|dem|der|den|ihrem|ihrer|eurem|eurer|echte[mnr]?|richtige[mnr]?|reale[mnr]?"
    r"|lebende[mnr]?|menschliche[mnr]?|wirkliche[mnr]?|zustandige[mnr]?|ein|bitte) ){0,4}",
    "mensch": r"(?:mensch(?:en)?|person|mitarbeiter(?:in|n)?|kundenberater(?:in)?|berater(?:in)?|support-?mitarbeiter(?:in)?"
    r"|servicemitarbeiter(?:in)?|kundendienst|kundenservice|vorgesetzten?|chef(?:in)?|manager(?:in)?|ansprechpartner(?:in)?"
    r"|agenten|jemande[mn]|jemand|leiter(?:in)?)",
    "un_es": r"(?:(?:un|una|algun|alguna|el|la|su|otro|otra|verdader[oa]|autentic[oa]|ser) ){0,3}",
    "persona": r"(?:persona|humano|humana|agente|representante|operador|operadora|gerente|supervisor|supervisora|encargad[oa]"
    r"|asesor|asesora|responsable|alguien|emplead[oa]|ejecutiv[oa])(?! (?:inmobiliari|de viajes|de bolsa))",
    "un_fr": r"(?:(?:un|une|le|la|votre|vos|vrai|vraie|veritable|autre|etre|des) ){0,3}",
    "humain": r"(?:humain|humaine|personne(?: reelle| humaine)?|conseiller|conseillere|agent|representant|representante|operateur"
    r"|operatrice|responsable|superieur|manager|quelqu'un|employe)(?! (?:immobilier|de voyage))",
}

PLEASE = r"(?:please|pls|plz|now|thanks|thank you|bitte|jetzt|por favor|ya|s'il vous plait|svp|maintenant)"
_NEAR_TO = r"(?:directly |live |in person |on the phone |over the phone |right now |now |please |again )?"

# --- a person is asked for
ASKED: dict[Language, tuple[str, ...]] = {
    "en": (
        rf"(?:talk|speak|chat|converse) {_NEAR_TO}(?:to|with) <kind>{{0,4}}(?:<human>|<staff>|<someone>)<itself>",
        r"(?:prefer|like|rather be|mind) (?:talking|speaking|chatting) (?:to|with) <kind>{0,4}(?:<human>|<staff>|<someone>)<itself>",
        (
            r"(?:want to|need to|have to|like to|let me|please|(?<!how )(?<!where )(?<!when )(?:can|could|may) i|^) ?"
            r"(?:talk|speak|chat) (?:to|with) <desk><itself>"
        ),
        r"deal with <kind>{1,4}<human><itself>",
        (
            r"(?:connect|transfer|put|hand|pass|forward|switch|redirect|route|send|refer|patch|get) <me>"
            r" (?:over |on |through |back |directly |in touch |straight ){0,2}(?:to|with) <kind>{0,4}(?:<human>|<staff>|<someone>|<desk>)<itself>"
        ),
        r"(?:connect|link|get in touch) (?:to|with) <kind>{1,4}(?:<human>|representative)<itself>",
        r"be (?:connected|transferred|put through|forwarded|handed over) (?:to|with) <kind>{0,4}(?:<human>|<staff>|<someone>|<desk>)<itself>",
        r"(?:please|can you|could you|just) put (?:me|us) through(?! (?:to )?(?:a |the )?(?:survey|menu))",
        r"<want> <kind>{0,4}(?:<human>|<staff>)<done>",
        r"<want> (?:<kind>{0,3}(?:support|service|help|assistance) )?from <kind>{0,4}(?:<human>|<staff>)<itself>",
        r"<want> (?:human|live|in-person) (?:support|help|assistance|service|contact)<itself>",
        r"(?:reach|contact|get (?:(?:a )?hold of|through to)|see) <kind>{1,4}(?:<human>|<staff>)<itself>",
        r"(?:reach|get (?:(?:a )?hold of|through to)) <someone><itself>",
        r"(?:is|are) there <kind>{0,4}(?:<human>|<staff>) (?:i|we|here|there|available|around|who|that|to (?:talk|speak|chat|help))",
        r"(?:is|are) <kind>{0,4}(?:<human>|<staff>) (?:available|around|online)(?! (?:in|for|on|as)\b)",
        r"(?:is|are) there <someone> (?:real |else )?(?:(?:i|we) (?:can|could)|to) (?:talk|speak|chat)",
        (
            r"(?:can|could|have|let|get) <kind>{1,4}(?!technicians)(?:<human>|<staff>) (?:please |to ){0,2}"
            r"(?:help|assist|answer|look|review|take over|call|contact|respond|reply|email|phone|handle|join|get back)"
        ),
        (
            r"(?:have|get|ask|let|want|need|tell|can|could|would) <someone> (?:from \w+(?: \w+)? |please |to |else |on your team ){0,3}"
            r"(?:call|phone|ring|contact|reach out|get (?:back|in touch))"
        ),
        r"(?:(?:i|we) (?:want|need|request|demand|would like)|i'd like) (?:a )?call-? ?back",
        r"(?:please|can you|could you|would you) (?:just )?call me back",
        (
            r"(?:please|^|and|just|want(?: you)? to|need(?: you)? to|must|(?:can|could|would|will) you(?: please)?|would like to) ?"
            r"escalate (?:this|it|me|to|the (?:issue|case|matter)|my (?:issue|case|ticket|complaint|problem|request|matter))"
        ),
        (
            r"(?:don't|do not|dont|no longer|refuse to|hate(?: to)?|tired of|sick of|done|stop) (?:want to |wanna |like to |like |want )?"
            r"(?:talk|speak|chat|deal)(?:ing)? (?:to|with) <bot>(?= ?[.!?,;:]| ?$| (?:i|but|get|give|please|any|all))"
        ),
        r"(?:(?:i|we) (?:don't|do not|dont) (?:want|need)|no more) <bot>(?= ?[.!?,;:]| ?$| (?:i|but|get|give|please))",
    ),
    "de": (
        (
            r"mit <einem><mensch>(?! (?:uber|zu) (?:ihre|euer))(?: (?:uber|zu|aus|von|vom|wegen|bitte|direkt|personlich|am telefon|\w+)){0,4}?"
            r" (?:sprechen|reden|chatten|telefonieren|verbunden|verbinden)"
        ),
        r"(?:sprechen|reden) mit <einem><mensch>",
        r"verbinde?n? (?:sie )?mich (?:bitte |jetzt |sofort |direkt )*mit <einem><mensch>",
        (
            r"(?:ich (?:will|mochte|moechte|brauche|verlange|wunsche|wuensche|hatte gerne?)|geben sie mir|gib mir|ich wurde gerne?)"
            r" (?:bitte |jetzt |endlich |sofort )*<einem>(?:menschen|echte person|mitarbeiter(?:in)?|vorgesetzten|ansprechpartner(?:in)?)"
            r"(?= ?[.!?,;:]| ?$| (?:sprechen|haben|bitte|und|der|die|jetzt))"
        ),
        r"an <einem>(?:menschen|mitarbeiter(?:in)?|vorgesetzten) (?:weiterleiten|weitergeben|ubergeben)",
    ),
    "es": (
        r"(?:hablar|chatear|comunicarme|platicar|conversar|contactar) (?:directamente |ya |ahora )?con <un_es><persona>",
        r"(?:pase(?:n)?me|pasame|comuniqueme|comunicame|conecteme|conectame|transfierame|transfiereme|pongame|ponme) con <un_es><persona>",
        (
            r"(?:quiero|necesito|quisiera|exijo|deme|dame) (?:a )?(?:un|una|otro|otra) (?:agente|representante|persona(?: real| humana)?"
            r"|humano|ser humano|asesor|supervisor|gerente)(?: humano| real)?(?= ?[.!?,;:]| ?$| (?:por|ya|ahora|que me))"
        ),
    ),
    "fr": (
        r"(?:me|nous) passer <un_fr><humain>",
        r"(?:parler|discuter|echanger|m'entretenir) (?:directement )?(?:a|avec) <un_fr><humain>",
        r"(?:passez|passe|mettez|transferez|connectez)[- ]moi (?:a|avec|en (?:relation|contact|communication) avec) <un_fr><humain>",
        (
            r"(?:je (?:veux|voudrais|souhaite|demande|exige)|j'aimerais(?: avoir)?|j'ai besoin d'|donnez[- ]moi) ?<un_fr>"
            r"(?:humain|conseiller|conseillere|vraie personne|etre humain|responsable)(?= ?[.!?,;:]| ?$| (?:s'il|svp|maintenant|au))"
        ),
    ),
}
# a clause that says nothing else
NOTHING_ELSE: dict[Language, str] = {
    "en": r"<kind>{0,3}(?:human|person|agent|representative|rep|operator|manager|supervisor)s?(?: being)?",
    "de": r"<einem>(?:mensch(?:en)?|mitarbeiter(?:in)?|kundenberater)",
    "es": r"<un_es>(?:persona (?:real|humana)|agente(?: humano)?|humano|representante|operador)",
    "fr": r"<un_fr>(?:humain|conseiller|conseillere|vraie personne|agent humain)",
}

# --- somebody or something is in danger
SAFETY: dict[Language, tuple[str, ...]] = {
    "en": (
        r"(?:caught|on|catch(?:es|ing)?) fire(?! (?:tv|stick|sale|tablet))",
        r"(?:battery|charger|device|phone|laptop|product|it) (?:has |just )?exploded",
        r"(?:got|gave me|received|had) an? electric(?:al)? shock",
        r"(?:this|it)(?:'s| is) (?:an |a )?(?:real |medical |life and death )?emergency",
        r"(?:kill|hurt|harm) myself|suicidal|end my life|(?:do not|don't|dont) want to (?:live|be alive)(?= ?[.!?,;:]| ?$| any)",
        r"(?:smoke|flames|sparks) (?:is |are )?(?:coming|came|pouring|poured) (?:out of|from)|(?:began|begins|started|starts) (?:smoking|smouldering)",
        (
            r"(?:i|we|my (?:child|son|daughter|kid|baby|wife|husband)) (?:was|were|got|am|is|has been) (?:badly |seriously )?"
            r"(?:injured|burned|burnt|poisoned)"
        ),
    ),
    "de": (
        r"(?:fangt|fing) feuer|in brand geraten|explodiert|das ist ein notfall|stromschlag|(?:kommt|steigt) (?:\w+ ){0,2}rauch|qualmt",
    ),
    "es": (
        r"se incendio|exploto|es una emergencia|descarga electrica|(?:echa|echar|echando|sale|salia|saliendo) (?:mucho )?humo",
    ),
    "fr": (
        r"a pris feu|a explose|c'est une urgence|decharge electrique|fumee (?:sort|s'echappe)|(?:sort|degage) de la fumee",
    ),
}
# --- an account, a card or money is in wrong hands
SECURITY: dict[Language, tuple[str, ...]] = {
    "en": (
        r"<mine> (?:just |has |have |had |was |were |is |are |got |gets |been |being |apparently |may |might |obviously ){1,3}<taken>",
        r"(?:is|was|has) <mine> (?:been )?<taken>",
        r"(?:i|we)(?:'ve| have)? (?:just |was |were |got |been |am |being ){1,3}(?:hacked|phished|scammed|defrauded)",
        r"(?:hacked(?: into)?|hijacked|broke into|broken into|stole|stolen|took over|compromised) <mine>",
        (
            r"(?:<someone>(?: else)?|hackers?|strangers?|they|he|she) (?:is |are |has |have |was |been ){0,2}"
            r"(?:using|used|accessed|accessing|hacked|changed|stole|entered|(?:logged|got|signed|logging) in(?:to)?(?: to)?) <mine>"
        ),
        r"(?:someone|somebody) (?:has )?(?:hacked|impersonat\w+|robbed) me",
        r"(?:unauthori[sz]ed|fraudulent|unrecogni[sz]ed) (?:\w+ )?<deed>(?! (?:error|message|code|denied))",
        r"<deed> (?:that |which )?(?:i|we) (?:did not|didn't|never|have not|haven't|have never) (?:make|made|authori[sz]ed?|approved?|recogni[sz]e)",
        r"(?:i|we) (?:did not|didn't|never) (?:authori[sz]e|make|approve)d? (?:this|that|these|those|any|the|such) (?:\w+ )?<deed>",
        r"charged (?:\w+ ){0,3}without (?:my|our) (?:permission|consent|knowledge|authori[sz]ation)",
        r"(?:i|we) (?:don't|do not) recogni[sz]e (?:this|that|these|those|a|the|some) (?:\w+ )?<deed>",
        r"(?:i(?:'m| am| was)|we (?:are|were)) (?:a |the )?victims? of (?:\w+ )?(?:fraud|theft|scam|phishing)|identity theft",
    ),
    "de": (
        r"(?:konto|account|karte|profil|e-?mail)\w* (?:wurde|ist|wird) (?:\w+ )?(?:gehackt|gestohlen|ubernommen|kompromittiert)",
        r"(?:ich (?:wurde|bin)|hat jemand mein \w+|hat mein \w+) gehackt",
        r"(?:unbefugte|unberechtigte|nicht autorisierte)[nr]? (?:abbuchung|zahlung|zugriff|buchung)\w*",
    ),
    "es": (
        r"(?:me )?(?:hackearon|han hackeado|robaron|han robado) (?:a )?(?:mi|la) (?:cuenta|tarjeta)",
        r"mi (?:cuenta|tarjeta) (?:fue|ha sido|esta) (?:hackeada|robada|comprometida|clonada)",
        r"(?:cargos?|pagos?|cobros?) (?:que )?no (?:autoriza\w+|autorice|reconozco|reconocidos?)",
    ),
    "fr": (
        r"(?:mon|ma) (?:compte|carte) (?:a ete|est|s'est fait) (?:pirate|pirater|vole|hacke)e?",
        r"on (?:a|m'a) (?:pirate|vole|hacke) (?:mon|ma) (?:compte|carte)",
        r"(?:prelevement|paiement|debit|transaction|achat)s? (?:non autorise|frauduleu)\w*",
    ),
}
# --- the law is threatened with
LEGAL: dict[Language, tuple[str, ...]] = {
    "en": (
        r"su(?:e|ing) (?:you|your|u|ya|this company|the company|them)",
        (
            r"(?:i|we)(?:'ll| will| am| are|'m|'re| can| could| might| would|'d|'d like| want| intend| have| had)? ?"
            r"(?:going to |gonna |have to |ready to |about to |forced to |to |considering |thinking about )?su(?:e|ing)(?!['\w-]| \w+(?:ed|s) )"
            r"(?= (?:for|over|because|if|in|unless|and|now|your?)\b| ?[.!?,;:]| ?$)"
        ),
        r"be sued",
        r"(?:take|taking|pursue|start|seek|consider|considering|face|initiate|begin) (?:any |further |immediate )?legal (?:action|proceedings|steps)",
        r"(?:take|taking|drag|see|haul) (?:you|your company|this company|this)(?: all| guys)? (?:to|in) court",
        r"(?:file|filing|bring) (?:a |the )?(?:law ?suit|legal complaint|class action|police report against you)",
        r"(?:my|our|the) <counsel> (?:will|is going to|are going to|has|have|is|are|shall|says?|said|advised)(?! \w+ (?:discount|office))",
        r"(?:hear|hearing|letter|mail|notice) from (?:my|our|a) <counsel>",
        (
            r"(?:call|contact|contacted|hire|hired|consult|consulted|involve|involved|instruct|instructed|get|getting|calling|contacting|hiring"
            r"|consulting|involving) (?:with )?(?:my|our|a) <counsel>"
        ),
        r"press(?:ing)? charges",
        (
            r"(?:report|reporting) (?:you|this|your company) to (?:the )?(?:authorities|police|ombudsman|regulator|trading standards|bbb|ftc"
            r"|consumer \w+|attorney general)"
        ),
        r"small claims court",
    ),
    "de": (
        r"(?:verklage(?:n)?|verklagt)",
        r"(?:mein(?:en|em)?|unser(?:en|em)?|einen|dem) (?:rechts)?anw(?:a|ae)lt(?:in)?",
        r"rechtliche (?:schritte|massnahmen)|anzeige erstatten|klage einreichen|vor gericht",
    ),
    "es": (
        r"(?:los|les|lo|te|la) (?:voy|vamos) a demandar|voy a demandar\w*|(?:los|les|lo|te|la) demandare(?:mos)?",
        r"(?:mi|nuestro) abogad[oa]|acciones legales|poner una denuncia|ante (?:un|el) (?:juez|tribunal)",
    ),
    "fr": (
        r"(?:vous|te) (?:poursuivre|poursuivrai|attaquer) (?:en justice|devant)|je vais vous poursuivre",
        r"(?:mon|notre|un) avocat\w*|porter plainte|action en justice|poursuites? (?:judiciaires?|en justice)|au tribunal",
    ),
}
# --- anger, with its weight: 2 is a reason by itself
ANGER: dict[Language, tuple[tuple[int, str], ...]] = {
    "en": (
        (2, r"(?<!fast and )(?:furious|livid|outraged|infuriat(?:ed|ing)|enraged)"),
        (
            2,
            r"(?:i'm|i am|im|we are|we're|i feel|makes? me|making me|getting) (?:(?!not\b)\w+ )?(?:angry|mad at|pissed(?: off)?)",
        ),
        (2, r"unacceptable(?! (?:use|usage|behaviou?r|content|formats?|files?|types?|risks?|characters?|documents?))"),
        (2, r"outrageous|disgraceful|a disgrace|sick and tired|fed up|had enough of (?:this|you)"),
        (2, r"(?:the )?worst (?:\w+ )?(?:service|company|support|experience|shop|store)"),
        (
            2,
            r"(?:extremely|incredibly|beyond|utterly|absolutely) (?:frustrat\w+|annoy\w+|upset|disappoint\w+|ridiculous)",
        ),
        (2, r"fuck(?:ing)? (?:you|this|off|joke|useless|ridiculous)|bullshit"),
        (1, r"(?:angry|mad)(?! birds)"),
        (1, r"frustrat(?:ed|ing)"),
        (1, r"ridiculous|absurd"),
        (1, r"pathetic|a joke|shameful"),
        (
            1,
            r"(?:terrible|horrible|awful|appalling|disgusting|lousy) (?:\w+ )?(?:service|support|experience|company|treatment)",
        ),
        (1, r"annoy(?:ed|ing)|upset|disappoint(?:ed|ing)"),
        (1, r"useless|waste of (?:my )?time|incompetent"),
        (1, r"scam(?:mers?)?|rip-? ?off|thieves|liars"),
    ),
    "de": (
        (2, r"inakzeptabel|unverschamt(?:heit)?|eine frechheit|stinksauer|wutend|unzumutbar|skandal|die nase voll"),
        (1, r"frustriert|sauer|enttauscht|lacherlich|verargert"),
    ),
    "es": (
        (2, r"inaceptable|furios[oa]|estoy hart[oa]|indignante|indignad[oa]|una verguenza"),
        (1, r"enojad[oa]|enfadad[oa]|frustrad[oa]|pesim[oa]|ridicul[oa]"),
    ),
    "fr": (
        (2, r"inacceptable|inadmissible|furieu(?:x|se)|scandaleu(?:x|se)|ras[- ]le[- ]bol|j'en ai marre|une honte"),
        (1, r"en colere|frustree?|decue?|ridicule|lamentable"),
    ),
}
