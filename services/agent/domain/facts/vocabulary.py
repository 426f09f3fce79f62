"""Vocabulary: the words that statements may hold, in four languages, and how they are remembered."""

# How a customer wants to be reached: what is written -> what is remembered.
CHANNELS: dict[str, str] = {
    r"e-?mails?|courriel|correo(?: electr[oó]nico)?|mails?": "email",
    r"tele(?:ph|f)on[eo]?|tel[eé]fono|t[eé]l[eé]phone|phone|phone calls?": "phone",
    r"sms|texts?|text messages?": "text message",
    r"whats ?app": "whatsapp",
    r"chat": "chat",
    r"post|letters?|brief|carta|courrier|lettre": "post",
}
LANGUAGES: dict[str, str] = {
    r"english|englisch|ingl[eé]s|anglais": "English",
    r"german|deutsch|alem[aá]n|allemand": "German",
    r"spanish|spanisch|espa[nñ]ol|castellano|espagnol": "Spanish",
    r"french|franz[oö]sisch|franc[eé]s|fran[cç]ais": "French",
    r"italian|italienisch|italiano|italien": "Italian",
    r"portuguese|portugiesisch|portugu[eé]s|portugais": "Portuguese",
    r"dutch|niederl[aä]ndisch|neerland[eé]s|n[eé]erlandais": "Dutch",
    r"polish|polnisch|polaco|polonais": "Polish",
}
TIMES: dict[str, str] = {
    r"in the mornings?|(?:am )?vormittags?|am morgen|morgens|por la ma[nñ]ana|le matin": "in the morning",
    r"in the afternoons?|(?:am )?nachmittags?|por la tarde|l['’]apr[eè]s-midi": "in the afternoon",
    r"in the evenings?|(?:am )?abends?|por la noche|le soir": "in the evening",
    r"on weekdays|unter der woche|entre semana|en semaine": "on weekdays",
    r"(?:on|at) (?:the )?weekends?|am wochenende|los fines de semana|le week-?end": "at the weekend",
}
DIETS: dict[str, str] = {
    r"vegans?|veganer(?:in)?|vegano|vegana|v[eé]gane|v[eé]gan|v[eé]g[eé]talien(?:ne)?": "vegan",
    r"vegetarian|vegetarier(?:in)?|vegetarisch|vegetariano|vegetariana|v[eé]g[eé]tarien(?:ne)?": "vegetarian",
    r"pescatarian|pescetarian|pescetarier(?:in)?|pescetariano|pescetariana|pescetarien(?:ne)?": "pescatarian",
    r"flexitarian|flexitarier(?:in)?|flexitariano|flexitariana|flexitarien(?:ne)?": "flexitarian",
    r"gluten[- ]?free|glutenfrei|sin gluten|sans gluten": "gluten-free",
    r"lactose[- ]?free|dairy[- ]?free|laktosefrei|sin lactosa|sans lactose": "lactose-free",
    r"sugar[- ]?free|zuckerfrei|sin az[uú]car|sans sucre": "sugar-free",
    r"low[- ]carb|keto(?:genic)?": "low-carb",
}
# What is no employer, though it stands in one's place and is written in capitals: "Ich arbeite bei Nacht".
NO_EMPLOYERS = frozenset(
    """
    night nights day days home noon weekends weekend school work office university hospital money free fun myself you it hr hq wfh pc tv
    monday tuesday wednesday thursday friday saturday sunday christmas easter january february march april may june july august september
    october november december the a an my your our his her their
    nacht tag tageslicht licht dunkelheit regen hitze kälte sonne gelegenheit bedarf freunden kunden kundinnen geld oma mir dir euch ihnen uns
    einer einem der dem tisch musik kaffee
    usted ustedes vosotros ellos dinero mi tu su una un el la
    moi toi vous nous eux lui elle un une le la les argent plaisir
    """.split()  # noqa: SIM905 - a table of words reads best as text
)
# What people "have moved to" besides places.
NO_PLACES = frozenset(
    """
    premium basic pro plus standard starter free business enterprise family team student gold silver platinum professional individual
    unlimited ultimate annual yearly monthly linux ubuntu android windows mac macos ios iphone ipad chrome firefox safari edge outlook
    gmail google apple microsoft samsung teams slack excel cloud
    """.split()  # noqa: SIM905 - a table of words reads best as text
)
# Capitalised words that are no names, or stand in one's place: "Call me Monday", "ich heiße Sie willkommen".
NO_NAMES = frozenset(
    """
    monday tuesday wednesday thursday friday saturday sunday today tomorrow tonight now later asap back again soon never always anytime
    maybe please when if after before at on in the a an not wrong incorrect missing misspelled mr mrs ms sir madam miss crazy old
    january february march april june july august september october november december noon morning evening
    montag dienstag mittwoch donnerstag freitag samstag sonntag heute morgen bitte sie ihr du euch falsch nicht herr frau
    lunes martes miércoles miercoles jueves viernes sábado sabado domingo hoy mañana manana señor señora incorrecto mal usted
    lundi mardi mercredi jeudi vendredi samedi dimanche demain aujourd'hui monsieur madame faux vous mal
    customer client user agent admin support nobody someone anyone anonymous unknown test
    """.split()  # noqa: SIM905 - a table of words reads best as text
)
