"""Concepts: words of seven languages that mean the same where it is to be told whether a person should take over.

A table, and nothing else. What the classifier of `intents` learns of "Rauch" it so knows of "humo" and "smoke", too. Words are as
`signals.fold` leaves them (lower case, no accents); `*` ends the beginning of a word. A word may stand for several concepts.
"""

CONCEPTS = {
    # --- people and machines
    "human": """human humans humano humana humanos humanas humain humaine humains humaines mensch menschen mens menschlich* menselijk* umano umana umani
        umane persona pessoa person persons persoon people personen personas pessoas personnes echter flesh fleisch carne huesos chair os vlees bloed
        sangue ossa lebende* lebendig* breathing heartbeat pulse""",
    "staff": """agent agents rep reps representative* representante* operator* operador* operateur* operatrice operatore operatori advisor* adviser* asesor*
        conseiller* consulente consulenti medewerk* mitarbeit* berater* kundenberat* sachbearbeit* collega colleague* collegue* kolleg* companero*
        companer* atendente* atendimento employe* empleado* empregad* funcionari* impiegat* dipendent* staff crew team equipe equipo equipa ansprechpartner*
        ejecutiv* gestor* interlocut* technician* techniker* tecnico* technicien* monteur* engineer* mechanic* dame herr lady gentleman bloke lad typ
        typen mec meuf kerl tipo tizio colega colegas colleghi helpdesk servicemitarbeiter*
        specialist* expert* doctor vet nurse pharmacist moderator* mod mods admin accountant accounts accounting buchhaltung contabilid* comptabilite contabilita boekhouding warehouse retention retentions relations abteilung* department departement* departamento service servicio ufficio reparto afdeling departamento""",
    "boss": """manager* boss supervisor* superior* encargad* gerente* responsab* vorgesetzt* chef chefin jefe* jefa chefe capo verantwoordelijk* leiding*
        leidinggevend* teamleider* abteilungsleit* leiter* leiterin geschaftsfuhr* directeur* directrice director* direttore direttrice direzione direccion
        head charge zustandig* higher-up* superieur* hierarchie responsabile* responsavel* dirigente* management chefetage baas supervisore duty ceo""",
    "anyone": """someone somebody anyone anybody jemand jemanden jemandem einer alguien alguno alguna alguem algum quelqu'un qualcuno iemand quelqu whoever
        any1 some1 sm1 smone qlq1 qqn alg1 nen
        chap gent receptionist soul grown-up grownup adult eyes""",
    "nobody": """nobody noone niemand niemanden niemandem keiner nadie ninguem nessuno personne niemand keine* kein aucun* ningun* nenhum* nobody's geen""",
    "bot": """bot bots chatbot* robot* roboter* machine* maschine* maquina* automat* computer* ordinateur* ordenador* computador* macchina* ki ia ai
        chatgpt algorith* algoritm* script* scripted canned geautomatiseerd* virtuale virtual virtuel* assistant* assistent* assistente asistente program
        programm programme programma pc tape recorded siri""",
    "talk": """talk talking speak speaking spk chat chatten chatting sprechen sprech* reden rede spreken praten praat hablar habl* ablar parler parl* falar fala*
        conversar discut* convers* parlare parlo gesprochen gesprach gesprek discuter discutir echanger echange klonen voice stem voix voz voce
        palabra word""",
    "call": """call calls calling called callback ring rang rung phone phones phoning telefon* telephon* telef* tel anruf* anrufen angerufen ruckruf* zuruckruf*
        zuruckrufen bel bellen belt gebeld terugbel* teruggebeld llam* llame llamen appel* rappel* rappelez chiam* richiam* ligar liga ligue liguem
        ligacao hotline durchklingeln klingeln""",
    "connect": """connect transfer* put pass hand handover forward escalate escalat* verbind* verbinden durchstell* weiterleit* weitergeb* weiterreich* ubergeb*
        doorverbind* doorverbonden doorzet* doorstur* doorgeven comuni* comunic* pase paseme pasame pasar pongame poner transfier* derivar derive
        passez passer passe transferez transferer mettez relation contatto passa passi passare passarmi trasfer* trasferi* passar encaminh* transfir*
        transfer through contactar contact* kontakt* contatt* escal* eskal* zet schakel reach route mettere""",
    "want": """want wants wanna need needs require* demand* insist* like prefer* rather will mochte moechte mocht brauch* verlang* wunsch* bestehe
        lieber gern gerne wil willen graag liever wens eis quiero kiero quisiera necesit* exijo deseo querria prefier* prefer* veux voudr* souhait* exige
        besoin aimerai* prefere* voglio vorrei bisogno pretend* esig* desider* quero queria preciso exijo gostar* desejo pretendo request""",
    "please": """please pls plz bitte por favor svp plait prego per piacere alstublieft alsjeblieft aub ajb favore""",
    "real": """real actual live living echte* echten echter echt real* reelle reel vrai* vraie vero vera verdad verdade wahr* genuine proper richtig* wirklich*
        verdader* autentic* reale reali carne competent* competent capable""",
    # --- who it is about
    "me": """i me my mine i'm i've i'd im ive ich mir mich mein meine meinem meinen meiner ik mij me mijn m'n mn yo mi mis conmigo je j'ai j' moi mon ma mes io mio
        mia miei mie eu meu minha meus minhas mim comigo we our us wir uns unser* wij ons onze nous notre nos noi nostr* nos nosso nossa nuestr*""",
    "you": """you your yours u ur ya y'all yall yourselves ihr euch euer eure eurem euren sie ihnen ihre ihrem ihren ihrer du dein* jullie u uw je jouw vous votre
        vos tu te ton usted ustedes vosotros vuestr* su sus voi vi vostr* lei voces voce vcs vc vosso vossa""",
    "third": """neighbour* neighbor* nachbar* buurman* buurvrouw* vecin* voisin* vicin* vizinh* friend's mate's film movie filme pelicula pelicule serie novel roman
        romanzo buch book article artikel articul* articol* podcast radio zeitung newspaper periodico giornale krant journal jornal news nieuws noticia* competitor*
        konkurren* mitbewerb* competenc* concurren* concorren* character episode folge aflevering episodio quiz song lied cancion chanson canzone game spiel
        spel juego jeu gioco exam essay homework thesis studium tesis colleague's cousin colleague's teatro theatre""",
    "family": """son daughter kid kids child children baby toddler wife husband mum mom mother father dad grand* sohn tochter kind kinder kindes frau mann mutter
        vater oma opa zoon dochter kindje vrouw man moeder vader hijo hija nino nina ninos bebe mujer marido esposa madre padre abuel* fils fille enfant* femme
        mari mere pere figlio figlia bambin* moglie marito nonn* filho filha crianca* mulher esposa mae pai avo brother sister bruder schwester hermano hermana frere
        soeur sorella fratello irma irmao dog cat hund katze hond kat perro gato chien chat cane gatto cachorro""",
    # --- law
    "lawyer": """lawyer* attorney* solicitor* barrister* anwalt* anwaltin rechtsanwalt* advocaat* advocaten abogad* avocat* avvocat* advogad* jurist* legale legali
        notar* huissier* rechtsbijstand* rechtsschutz* legalmente counsel rechtsbeistand jurid* procurador* bailiff* burofax""",
    "court": """court courts gericht* amtsgericht* rechter rechtbank* rechtszaak tribunal* tribunale juzgado* juez juicio justice juge giudice giudizio juiz* juizado
        processo proces kantonrechter richter prud'hommes mahnbescheid* mahnverfahren arbitration procon magistrate* litigation justicia giustizia justica
        creances claims small tribunais paix paz writ injunction injonction proceedings counsel class-action summons""",
    "sue": """sue sueing suing sued lawsuit* verklag* klage klagen einklagen aanklag* dagvaard* demand* demanda demandar demandare querella* denunc* denunci* plainte*
        poursui* poursuiv* assign* querela* querel* denuncia* denuncer* processar process* proceedings action aangifte anzeig* strafanzeige accion* acoes causa
        litigio prosecut* rechtsweg rechtlich* juridisch* legal legali legales""",
    "regulator": """ombuds* regulator* authority authorities behorde* aufsicht* bafin bundesnetzagentur verbraucher* verbraucherzentrale verbraucherschutz*
        konsumenten* consumentenbond consuwijzer acm afm kifid geschillencommissie consumo consumidor* consumid* ocu omic facua reclamaciones dgccrf repression
        fraudes consommateur* ufc mediateur mediatrice cnil aepd garante agcom agcm arera antitrust consumator* codacons altroconsumo anac anatel aneel procon
        anacom reclame deco ico ftc fca ofcom ofgem bbb cfpb accc datatilsynet datenschutzbehorde datenschutzbeauftragt* landesdatenschutz* gdpr dsgvo avg rgpd lgpd
        autoriteit persoonsgegevens autoridad* autorita autoridade* autorite* watchdog trading standards commission* commissioner acpr bnetza schlichtung*
        sernac profeco indecopi dpo supervisory adiconsum asic
        cnpd loket dgccrf indecon citizens advice equality omnibus consumerism odr ncdrc lobbying jurisconsult""",
    "police": """police polizei politie policia polizia carabinieri gendarme* gendarmerie guardia aangifte commissariat comisaria questura wache cops delegacia
        anzeige""",
    "deadline": """deadline frist* ultimatum fristsetzung days tage tagen dagen dias jours giorni hours stunden uur horas heures ore week woche* plazo delai termine
        prazo termijn otherwise sonst anders sino sinon altrimenti senao unless ultima* letzte* laatste final notice mise demeure diffid* requer* ingebrekestelling
        sommatie notificacao notifica""",
    "chargeback": """chargeback* charge-back ruckbuch* storno* terugboek* contracargo* retrocargo opposition dispute* press presse presse pers prensa stampa
        imprensa newspaper* journalist* twitter trustpilot tiktok review* resena* avis recensione bewertung""",
    # --- danger
    "smoke": """smoke smoking smoky fumes rauch* raucht rauchte qualm* qualmt rook rookt roken humo humea fumee fume fumo fumaca fumando fumant scorch* singed charred
        verschmor* verbrannt* schmor* kokelt kokel* quemado chamusc* brule* bruciat* queimad* melted melting geschmolz* schmilzt gesmolten derret* fondu* fuso sciolt*
        vonken sparks sparking funken chispa* etincelle* scintill* faisca*""",
    "fire": """fire flames flame feuer brand brannte brennt brand brandt vlam* fuego llamas incend* feu flamme* fuoco fogo chamas ardio arder burning explod*
        explosion* explos* explodier* ontplof* exploto estall* explose esplos* explodiu blew bang knall pege prendio
        ablaze aflame""",
    "burn": """burn burned burnt burns burning scald* verbrenn* verbruh* verbrannt verbrand* brandwond* quemad* quemo quemadura* queme brul* brulure* brulee ustion* bruciat*
        scott* queimad* queimei queimou blister* blase* ampolla* ampoule* bolha*""",
    "shock": """electric* shock shocked electrocut* stromschlag* schlag gewischt elektrisch* stroomstoot schok descarga* calambr* electrocut* decharge* scossa* choque*
        corrente zapped jolt voltage stroom strom corriente courant tingl*""",
    "battery": """battery batteries batterij* akku* akkus accu* batteri* bateria* charger* ladegerat* lader oplader cargador* chargeur* caricator* caricabatter* carregad*
        powerbank* plug steckdose stecker stopcontact enchufe prise presa tomada cable kabel cabo cavo""",
    "swell": """swollen swelling swell bulg* bloat* puffed aufgebl* aufgeblaht geschwoll* gonfl* hinchad* hincho opgezwollen bol* gezwollen opgezet gonfi* inchad* inchou
        hot heiss gluhend* overheat* uberhitz* oververhit* warm caliente sobrecalent* chauffe brulant bollente surriscald* quente esquent*""",
    "gas": """gas gasgeruch gaslucht gaz carbon monoxide kohlenmonoxid koolmonoxide monossido monoxid* chemical* chlor* smell smells smelling stink* riecht geruch ruikt geur
        huele olor odeur sent odore puzza cheiro cheira""",
    "injury": """injur* hurt wound* bleed* blood verletz* wunde blutet blut blutend* gewond* bloed* herid* sangr* bless* saign* ferit* sangu* ferid* machuc* broke
        fell fall fallen gesturzt sturz gevallen caid* cai caduta chute tombe* caiu knocked concussion hip arm leg finger* hand hands eye eyes auge* oog ogen
        ojo* oeil yeux occhi* olho* cut cuts geschnitten splitter* glass glas vidrio verre vetro vidro choked choking verschluckt erstick* stik* verslikt ahog* etouff*
        soffoc* engasg* engoliu swallow* ingest* collaps* unconscious bewusstlos* ohnmacht* bewusteloos* desmay* evanoui* svenut* desmai*""",
    "hospital": """hospital* hospitali* krankenhaus* klinik notaufnahme notarzt ziekenhuis* spoedeisende eerste urgencias urgences hopital pronto soccorso ospedale pronto-soccorso
        ambulan* ambulance a&e doctor doctors arzt arztin huisarts medic* medecin* medico dokter emergency notruf 112 911 999 samu 118 samur er clinic paramedic*
        firefighter* feuerwehr* brandweer* bombero* pompier* pompieri bombeiro*""",
    "sick": """allerg* anaphyla* rash ausschlag uitslag hives quaddel* urticaria urticaire orticaria epipen poison* vergift* giftig* intoxic* envenen* avvelen* vomit* erbroch*
        erbrech* kots* overgeven braken vomi* faint* dizzy schwindl* duizelig mareo mare* vertig* tontur* breath* atem* atmen ademen adem respir* peanut* erdnuss* pinda*
        cacahuete* arachid* amendoim nuts nuss* glass mold mould schimmel* moho moisi* muffa mofo sick krank ziek enferm* malad* malat* doente listeria salmonel* mouse mausekot larve* worms
        maggots insect* metal
        gira testa koorts fieber fever fiebre fievre febbre febre headache* kopfschmerz* hoofdpijn nausea ubel tetes bolle bultjes ronchas plaques bumps numb tight""",
    "suicide": """suicid* suizid* selbstmord* zelfmoord* zelfdoding kill myself umbringen umzubringen antun suicidio suicidar* matar matarme morir morire mourir morrer
        sterben dood sterven die dying dead leben leven vivir vivre vivere viver live life vie vida vita finir acabar farla beenden einde
        ending uccider* ammazzar* burden ritzen krassen cortarme overdose overdosis pills tabletten pillen pastillas
        exist exister existir existieren disappear desaparecer verschwinden sentido""",
    # --- wrong hands
    "hacked": """hack* gehackt gehackt* hacke* gekaapt jackead* hackead* hacker* pirat* piratat* hackerat* invad* invadi* compromis* kompromitt* gehijackt hijack* breach* geleakt
        leak* datenleck* datalek* datenpanne gelekt filtr* filtracion fuite fuga vazad* vazament* violat* violado clonad* clonat* cloned gekloont geklont taken kapert gekapert
        usurp* suplant* sostituzion*
        entered logged hijacked intrus* eingedrungen binnengedrongen entro entrado""",
    "stolen": """stolen stole steal thief thieves theft gestohlen geklaut gestolen gejat diebstahl diebe dieb dief diefstal robad* robar* robaron robo ladron* vole volee voler voleur* vol
        rubat* rubare ladr* furto roubad* roubar* roubo furtad* ladrao pickpocket* mugged nicked pinched lost verloren perdi perdu perso perdid* wallet purse portemonnaie
        geldborse brieftasche bolso cartera portefeuille portafogli* carteira portemonnee""",
    "scam": """scam* fraud* betrug* betruger* betrogen abgezockt abzocke oplicht* opgelicht fraude* fraudul* estaf* timo arnaqu* escroc* truff* truffat* golpe golpista* burla* phish* smish* spoof* fake
        fals* gefalscht* nep gefaket fake* falso faux fasull* imposter impersonat* pretend* ausgegeben angeblich zogenaamd impostor spoofing blackmail* erpress* afpers* chantaj* chantage
        ricatt* extor* ransom bitcoin* skimm* betrugs*""",
    "unknown": """unknown unrecogni* unauthori* strange* unbekannt* fremd* onbekend* vreemd* desconocid* inconnu* sconosciut* desconhecid* estran* etrange* strano strana strani* estranh*
        recogni* reconoz* reconn* riconosc* reconhec* herken* erkenn* kenne kennen unfamiliar suspicious verdacht* verdachtig* sospech* suspect* sospett* suspeit* random
        merkwurdig* komisch* mysterious weird foreign""",
    "charge": """charge charges charged charging payment* paid debit* debited withdraw* withdrew transact* abgebucht* abbuch* belast* lastschrift* abgehoben zahlung* uberweis* uberwiesen
        afgeschreven afschrijv* afgeboekt betaling* overgeboekt overboek* cargo* cargado cobr* retir* transfer* prelev* prelevement* debite* paiement* virement* retrait* addebit*
        prelev* preliev* pagament* bonific* cobranc* debit* pagament* saque* sacaram transferenc* pix bizum ideal money geld dinero argent soldi dinheiro euros eur usd balance saldo
        guthaben gift points punkte puntos miles meilen""",
    "purchase": """order orders ordered buy bought purchase* bestell* bestellung* gekauft kauf* besteld gekocht aankoop* pedido* compr* comando command* achet* achat* ordin* acquist* comprat*
        encomend* compra* compras booked booking gebucht geboekt reserv* shipped laptop iphone iphones phones subscription* abo vertrag vertrage contract contrato* contrat* contratt* loan
        kredit credito""",
    "account": """account* konto konten kundenkonto benutzerkonto profil* profiel profile cuenta* perfil compte* profilo conta contas login log-in logged logon inlog* eingeloggt einloggen
        inloggen ingelogd inicio sesion acceso acces* connexion* connect* accesso accessi acesso* entrar email e-mail mail mailadres* correo courriel adresse adress* address direccion indirizzo
        endereco rekening app wallet card karte kreditkarte tarjeta* carte carta* cartao creditcard kaart pinpas bankpas giro sim simkart* chip nummer number
        numero""",
    "password": """password* passwort* kennwort wachtwoord* contrasen* passe motdepasse mdp senha* pin code codes codigo* code codice tan 2fa otp verification verificatie* verifiz* clave claves
        palavra-passe""",
    "changed": """changed change geandert geander* gewijzigd veranderd cambiad* cambio cambiaron cambiaro* modifi* cambiat* mudad* mudaram mudou alterad* alterou trocad* trocaram replaced
        umgestellt locked ausgesperrt buitengesloten gesperrt""",
    "device": """device* gerat* apparaat toestel dispositivo* appareil* dispositiv* location russia russland vietnam lagos nigeria brazil brasilien china moskau moscow moscou ip
        country land pais pays paese handy mobile movil telefoon telemovel cellulare celular""",
    # --- feelings
    "furious": """furious livid outrag* infuriat* enrag* angry mad pissed fuming seething wutend wuetend stinksauer rasend koche sauer geladen woedend laaiend razend pisnijdig kwaad boos
        furios* furieu* indignad* indigne* indignat* enfad* enojad* cabread* encolerad* enrage* colere furibond* arrabbiat* incazzat* furent* puto puta irritad* revoltad* raiva
        brava bravo verargert emputecid*""",
    "enough": """enough fed sick tired schnauze nase reicht genug zat beu spuugzat klaar harto harta hartos hasta narices cojones marre ras bol ral stufo stufa stanco basta stufi
        farto farta cansad* saco cheio cansei spuug patience geduld paciencia patience pazienza paciencia breaking limit zumutung""",
    "insult": """useless incompetent* idiot* stupid moron* dumb clown* pathetic joke shame shameful disgrac* disgust* crap shit shite shitty bullshit fuck* fck* wtf arse ass bastard* damn hell bloody worst
        garbage trash rubbish saftladen dreck* scheiss* mist dumm* unfahig* lacherlich* witz frechheit unverschamt* unfassbar inakzeptabel katastroph* armutszeugnis laden verein trottel
        waardeloos klote* kut* sukkel* schandalig* schande belachelijk* prutsers onbekwaam ongelofelijk idiot* sinverguenz* verguenza mierda inutil* inutiles incompetent* asco basura
        pesim* ridicul* inaceptable* payas* gilipoll* cabron* honte honteux scandal* inadmissible* inacceptable* merde nul nuls minable* connard* foutage gueule bouffon* lamentabl*
        vergogn* schifo schifos* incapac* inaccettabil* pagliacc* buffon* merda cazzo ridicol* scandalos* vergonh* lixo porcaria palhac* incompetenc* pessim* absurd* inadmissivel
        inaceitavel caralho porra bosta ladroes liars lugner leugen* mentir* menteur* bugiard* criminal* crook* verbrecher* scammers thieves unacceptable abysmal atrocious horrible
        terrible awful appalling dreadful zumutung""",
    "again": """again wieder schon erneut nochmal opnieuw weer alweer wederom otra vez nuevamente encore nouveau ancora nuovo novo novamente outra times mal mals male keer veces fois volte vezes
        third dritte* derde tercera tercer troisieme terza terceira fourth vierte* vierde cuarta quatrieme quarta fifth funfte* vijfde quinta zum every jedes immer siempre sempre toujours
        altijd same gleiche* selbe* zelfde mismo misma meme stesso stessa mesmo mesma""",
    "still": """still yet immer noch nog steeds sigue siguen todavia aun continua toujours ancora ainda continua weeks wochen weken semanas semaines settimane months monate* maanden meses mois
        mesi since seit sinds desde depuis hours stunden ewig waiting warte* wacht* wachten espera* esperando attend* attent* aspett* aspetto esperar espero aguard*""",
    "nothelp": """help helps helped helpful helping hilft geholfen hilfreich hilfe helpt geholpen hulp ayuda ayud* sirve servir aide aider aide* utile aiut* aiuta ajud* ajuda adiant* works work working worked
        funktioniert* klappt geht ging werkt werkte lukt funciona* funcion* marche marcher fonctionn* funziona* va resolv* resuelv* resolu risolv* risolt* solved solve gelost geklappt opgelost
        loest answer answered antwort* beantwortet antwoord* respuesta respond* repons* repond* risposta rispond* respost* question frage* vraag pregunta* domanda pergunta*
        understand verstanden verstehst versteht begrijp* entiend* entend* compris comprend* capi* capisc* percebe* misunderstood""",
    "sad": """disappoint* enttausch* teleurgesteld* decepc* decu* decue delus* desilud* decepcion* frustr* annoy* genervt nerv* verveld irritant molest* insatisf* insatisfech* unzufrieden* ontevreden
        unhappy unsatisf* unimpressed schade jammer pena dommage peccato meh bof upset aergerlich argerlich""",
    "leave": """cancel* kundig* kundige opzeg* zeg opstap* leave leaving switch* wechsel* overstap* cancelo baja desabon* resili* disdett* disdico cancelar nunca never nie nooit jamais mai
        goodbye lost verloren customer kunde klant cliente client loyal jahre* jaren anos years ans anni""",
    # --- turns of sense
    "not": """not no non nicht nein niet nee ne pas nao never don't dont doesn't doesnt didn't didnt isn't isnt wasn't wasnt won't wont can't cant cannot haven't havent hasn't hasnt wouldn't nor neither
        sin sans ohne zonder senza sem without pas ni n'ai n'est n'a nunca nie nem nicht's ain't""",
    "if": """if falls wenn sollte als indien mocht si se caso in case suppose angenommen gesetzt stel supong* imagin* would could wurde wurden zou zouden hypothet* what's""",
    "how": """how what which where when why who wie was wo wann warum welche* wer hoe wat waar wanneer waarom welke como que donde cuando cual quien comment quoi ou quand quel quelle* pourquoi
        come cosa dove quando quale perche o'que qual onde quem combien cuanto quanto quanta hoeveel wieviel""",
    "can": """can could may kann konnen konnte* kan kunnen puedo pueden puede podria* peux peut pouvez pourr* posso puo potete potrei pode podem poderia darf dari lets let lass""",
    "prevent": """prevent* avoid* protect* vermeid* schutz* verhinder* voorkom* bescherm* evitar proteger prevenir eviter proteg* prevenire protegg* evitare safe secure sicher* veilig* segur*
        sur sicur* policy richtlinie* beleid politica politique policies enable activate aktivier* einricht* instellen activ* attiv* ativar set-up setup two-factor zwei-faktor zwei""",
    "fine": """thanks thank thx cheers danke vielen merci gracias grazie obrigad* bedankt dank resolved sorted solved erledigt geklart gelost opgelost resuelto arreglad* solucionad* regle resolu*
        risolto resolvido fixed great perfect super prima top genial parfait perfett* perfeit* ok okay gut goed bien bene bom lovely brilliant happy zufrieden tevreden content* contento
        feliz false fehlalarm all alles todo tout tutto tudo friendly freundlich* nett aardig* vriendelijk* amable* gentil* simpat* praise lob excellent* forgot vergessen
        turned turns kidding joke* scherz witz grapje broma blague scherzo brincadeira haha lol hihi jaja mdr kkk""",
    "urgent": """urgent* urgente* dringend* sofort eilig asap now immediately jetzt nu meteen spoed* direct ya ahora inmediat* immediat* tout maintenant subito adesso agora ja imediat* emergency notfall
        minutes minuten minutos minuti flight flug vlucht vuelo vol volo voo airport flughafen down steht lahm still-stand plat panne caido fermo gate boarding right away pronto presto quick
        schnell gleich""",
    "other": """else another other customer's anders andere* anderen fremde* andern otro otra otros ajen* autre* autrui altro altra altri altrui outro outra outros customers kunden clientes clients
        clienti klanten strangers stranger unbefugt* derde derden terceros tercer* tiers terzi terceiros data daten gegevens datos donnees dati dados names namen invoices""",
    "police_report": """report reported complain* complaint* beschwer* klacht* klagen reclam* queja* quejar* plainte reclamation* reclamo reclami queixa* denuncia*
        melden gemeldet melding""",
    "handle": """look review* reviewed check handle* take decision decided prufen pruft bekijken beoordel* revis* examin* verific* analis* reopen entscheid* beslis* besluit decis*
        serious* deal sort uberprufen kummern kummert occup* encarg* occupi*""",
    # --- what makes it harmless, or worse than its words
    "goods": """price* cost costs size sizes colour* color* stock sell sells selling sold-out available ship ships shipping deliver* delivery hours open opening opens
        voucher* coupon* discount* rabatt* gutschein* newsletter preis* kostet kosten grosse grossen farbe farben lager lagernd verkauf* liefern liefert lieferung*
        versand* offnungszeit* geoffnet offen prix coute couleur* taille* tailles dispo disponible* livr* livraison horaires ouvert* remise promo precio* cuesta
        talla tallas color* existencias vend* envi* horario* abren abierto descuento* prezzo prezzi costa taglia taglie colore colori disponibil* sped* orari aperto
        aperti sconto prijs prijzen kost maat maten kleur* voorraad verkoop* verzend* openingstijd* korting* preco* custa tamanho* cor cores estoque entrega* horario
        aberto desconto* litre* liter* litro* cm mm kg metre* hardback paperback washable dishwasher recipe refill pack packs template* pdf subscription tariff""",
    "past": """ago yesterday last earlier formerly once used years previous* gestern letztes letzten letzter fruher damals vorher vorig* vorige vroeger gisteren destijds
        ayer pasado pasada antes antiguamente hace hier dernier derniere autrefois avant jadis ieri scorso scorsa prima passato ontem passado passada antigamente
        anno back since""",
    "mere": """just only simply merely curious wondering wondered question nur bloss lediglich neugier* solo solamente curiosidad curios* juste seulement simplement
        curieu* soltanto semplicemente curiosita alleen gewoon slechts benieuwd nieuwsgierig so apenas somente curiosidade frage vraag pregunta domanda
        pergunta anyway jedenfalls sinon overigens comunque aliás""",
    "needless": """unnecessary needn't inutile inutil unnotig unnotige overbodig hoeft hoef serve serva nicht-notig innecesari* desnecessari* falta precisa bother worry
        sorge sorgen preoccup* preocup* inquiet* zorgen false faux falso falsa loos fehlalarm alarme alarm""",
    "self": """myself ourselves own selbst selber eigen* zelf eigen mismo misma propio propia moi-meme soi-meme moi-meme proper propre stesso stessa proprio mesmo
        mesma proprio accident versehen accidentally mistake erreur error errore fout ongeluk engano silly clumsy doof dom bete tonto torpe scema burra""",
    "bravo": """bravo bravi congrat* applause applaus* clap clapping gluckwunsch* glanzleistung gefeliciteerd proficiat felicit* enhorabuena felicidades complimenti
        parabens brilliant wonderful marvellous marvelous fantastic lovely splendid charming classy impressive impressed amazing amazed grossartig wunderbar herrlich
        toll tolle klasse formidable magnifique merveilleu* genial geniale fantasti* maravill* estupend* meraviglios* ottimo geweldig prachtig top fijn keurig
        otimo maravilh* excelente prize award medal trophy olympi* museum""",
    "excuse": """excuse* apolog* promise* promised lie lies lied lying sorry entschuldig* ausrede* versproch* versprech* verspreche luge* lugen gelogen belogen smoes*
        beloof* beloft* excuses disculp* promet* prometi* prometido mentira* mienten promes* promis* mens mensonge* mentez scuse scusa promess* bugie bugia
        desculp* promet* promessa* regret fobbed fob vertrost* lijntje largas tomadura mener bateau hinhalt*""",
    "broken": """broken broke empty lost missing wrong dead cold flooded wrecked ruined late delayed cancelled kaputt leer verloren fehlt falsch tot kalt
        verspat* ruinier* stuk leeg kwijt verkeerd dood koud te-laat verpest* rot* vacio vacia perdid* equivocad* muerto frio estropea* arruin* casse cassee
        vide perdu perdue mauvais* mort froid retard gache rotto rotta vuoto vuota persa sbagliat* morto freddo ritardo rovinat* quebrad* vazia vazio
        errad* estragad* atras*""",
    "escape": """skip bypass past loop loops carousel maze circle* circles round menu menus option options button buttons dodge avoid schleife* uberspring* umgeh*
        menu* kreis* kastchen auswahl bucle* bucles opcion* saltar salto salta circulo* boton* boucle* sauter options bouton* cases tourne rond giro giri saltare
        salto opzion* pulsant* voce voci rondje* cirkel* knop knoppen keuze* keuzemenu overslaan langs ciclo* pular pulo opcao opcoes botao botoes
        faq articles links linkjes textbaustein*""",
    "around": """there here around available working today still-there da hier noch-da erreichbar ansprechbar daar er ahi alli aca aqui la ici encore-la li qui c'e
        disponibile ai ali presente monitored manned behind derriere dahinter achter dietro atras detras""",
    "ours": """case file claim matter request situation complaint issue problem application decision fall akte vorgang anliegen antrag sache entscheidung* zaak geval
        dossier* aanvraag besluit klacht caso expediente asunto solicitud decision* reclamacion affaire demande probleme pratica richiesta questione
        decisione processo pedido assunto decisao""",
    "scorch": """scorch* melt melted melting singe* soot crackl* hiss* fizz* buzzing verschmor* geschmolz* schmilzt russ knister* zisch* gesmolten smelt roet
        sis* knetter* derreti* chamusc* holl* chisporrot* fondu* suie gresill* siffl* fus* sciolt* fulig* sfrigol* fulig* chiad* black brown schwarz
        braun zwart bruin negro marron noir* nero nera preto preta""",
    "tiny": """magnet* button-cell coin bead beads marble* battery-cell knopfzelle* magnetchen murmel* perle perlen magneetje* knikker* kraal* iman imanes canica*
        bille* aimant* calamit* biglia biglie perlin* ima iman bolinha* swallowed swallow* verschluckt ingeslikt inslik* trag* traga tragado tragó avale* avaler
        ingoi* engoli* mouth mund mond boca bouche bocca""",
    "amount": """euro euros eur pound pounds quid dollar* dollars bucks franken francs reais libras rand rupees eleven twelve hundred thousand hundert tausend
        honderd duizend cien mil cent mille cento""",
    "count": """twice three four five six seven eight nine ten dozen hundredth fifth sixth drei vier funf sechs sieben acht neun zehn zweimal dreimal drie vijf zes
        zeven negen tien tweemaal tres cuatro cinco seis siete ocho nueve diez deux trois quatre cinq sept huit neuf dix tre quattro cinque sei sette otto
        nove dieci quatro sete oito dez""",
}
