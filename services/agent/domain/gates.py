"""Gates: beginnings of words of which a text has one where a table's patterns can match. Most texts have none.

They only save time: nine in ten messages need not be held against two hundred patterns.
"""

from .phrases import Language, Reason

GATES: dict[Reason, dict[Language, str]] = {
    "asked_for_person": {
        "en": "human person people agent rep operator manager supervisor advis specialist team member staff employee colleague boss"
        " superior technician consultant someone somebody anyone anybody whoever charge support service care help live in-person through call escalat bot"
        " chat robot machine ai computer",
        "de": "mensch person mitarbeiter kundenb kundend kundens berater support service vorgesetzt chef manager anspr agent jemand leiter echt",
        "es": "persona human agente representante operador gerente supervisor encargad asesor responsable alguien emplead ejecutiv",
        "fr": "humain personne conseill agent represent operat responsable superieur manager quelqu employe vrai etre",
    },
    "safety": {
        "en": "fire explod electric emergency myself suicid life live alive injured burn poison smok smould flames sparks",
        "de": "feuer brand explod notfall stromschlag rauch qualm",
        "es": "incendio exploto emergencia descarga humo",
        "fr": "feu explose urgence decharge fumee",
    },
    "security": {
        "en": "hack hijack compromis stole taken took brok breach clone phish scam defraud using used access logged getting got chang enter spen"
        " impersonat rob unauthori fraud unrecogni charge payment transaction log sign purchase withdraw debit transfer order activity"
        " victim identity",
        "de": "gehackt gestohlen ubernommen kompromittiert unbefugt unberechtigt nicht",
        "es": "hacke robar rob comprometid clonad cargo pago cobro",
        "fr": "pirat vol hack prelevement paiement debit transaction achat",
    },
    "legal": {
        "en": "sue suing legal court law lawyer attorney solicitor barrister press report",
        "de": "verklag anw rechtsanw rechtlich anzeige klage gericht",
        "es": "demandar abogad acciones denuncia juez tribunal",
        "fr": "poursui attaquer avocat plainte justice tribunal",
    },
    "anger": {
        "en": "furious livid outrag infuriat enrag angry mad pissed unacceptable disgrac sick fed enough worst extremely incredibly beyond utterly"
        " absolutely fuck bullshit frustrat ridiculous absurd pathetic joke shameful terribl horribl awful appalling disgusting lousy annoy"
        " upset disappoint useless waste incompetent scam rip thieves liars",
        "de": "inakzeptabel unverschamt frechheit stinksauer wutend unzumutbar skandal nase frustriert sauer enttauscht lacherlich verargert",
        "es": "inaceptable furios hart indignad indignante estoy verguenza enojad enfadad frustrad pesim ridicul",
        "fr": "inacceptable inadmissible furieu scandaleu ras j'en honte colere frustr decu ridicule lamentable",
    },
}
