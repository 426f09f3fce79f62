"""Small words: those that say how something is said and not what about, in the languages that most customers write."""

_ENGLISH = frozenset(
    """
    a about above after again all also am an and any are as at be because been before being below between both but by can could did do does
    doing down during each few for from further had has have having he her here hers him his how i if in into is it its itself just me more
    most my no nor not of off on once only or other our out over own please same she should so some such than that the their them then there
    these they this those through to too under until up very was we were what when where which while who whom whose why will with would you
    your yours im ive id youre dont doesnt didnt cant wont isnt arent wasnt werent couldnt wouldnt shouldnt thats whats
    """.split()  # noqa: SIM905 - a table of words reads best as text
)
_GERMAN = frozenset(
    """
    aber alle als am an auch auf aus bei beim bin bis bitte bist da damit dann das dass dein deine dem den der des die dies diese diesem diesen
    dieser dieses doch dort du durch ein eine einem einen einer eines er es etwas euch euer eure für gibt habe haben hat hatte hier ich ihm ihn
    ihnen ihr ihre ihrem ihren im in ist ja jede jedem jeden jeder jedes kann kannst kein keine keinen können könnt man mein meine meinem
    meinen meiner mich mir mit muss musst müssen nach nicht noch nur ob oder ohne sehr sein seine sich sie sind so über um und uns unser
    unsere unter vom von vor wann war warum was welche welchem welchen welcher welches wenn wer werde werden wie wieder wir wird wo wurde
    zu zum zur
    """.split()  # noqa: SIM905
)
_SPANISH = frozenset(
    """
    a al algo algún alguna como cómo con cual cuál cuáles cuando cuándo cuanto cuánto cuánta de del desde donde dónde el él ella ellos en entre
    era es esa ese eso esta está están este esto estos fue ha hace han hasta hay he la las le les lo los me mi mis mucho muy más nada ni no nos
    nuestra nuestro o os otra otro para pero poco por porque puede pueden puedo que qué quien quién se sea ser si sí sin sobre son soy su sus
    también te tengo tiene tienen todo todos tu tus un una unas uno unos usted ustedes y ya yo
    """.split()  # noqa: SIM905
)
_FRENCH = frozenset(
    """
    à ai au aucun aussi aux avec avez avoir avons bien c ça ce cela ces cet cette ceux chez comme comment combien d dans de depuis des dois doit
    donc du elle elles en entre es est et était être eu faire fait faut il ils j je l la le les leur leurs lui m ma mais me même mes moi mon n
    ne nos notre nous on ont où ou par pas peut peuvent peux plus pour pourquoi puis qu quand que quel quelle quelles quels qui quoi s sa sans
    se sera ses si son sont sous suis sur t ta te tes toi ton tous tout toute toutes très tu un une vers vos votre vous y
    """.split()  # noqa: SIM905
)

SMALL_WORDS = {"en": _ENGLISH, "de": _GERMAN, "es": _SPANISH, "fr": _FRENCH}
