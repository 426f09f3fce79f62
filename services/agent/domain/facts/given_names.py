"""Given names that are common where English, German, Spanish or French is written.

They tell "I'm Anna" from "I'm German" and "I'm Premium". Names that are words besides ("Grace", "Ernst", "Christian", "Rich") and
such as are known as places are not in it: nothing is guessed.
"""

GIVEN_NAMES = frozenset(
    """
    aaron abdul abigail adam adrian adriana agnes agnieszka ahmed aicha aidan aischa aisha alan alana albert alberto
    alejandra alejandro aleksandra alessandra alessandro alex alexa alexander alexandra alexandre alexis
    alfonso alfred alfredo ali alice alicia alina aline alison allison alma alois alvaro alyssa amalia amanda amar
    amara amber amelia amelie amin amina amir amira amy amélie ana anabel anais anastasia anaïs anders andre andrea
    andreas andres andrew andrzej andré andrés andy anette angela angelika angelina angelo angie anita anja anjali
    anke ann anna annabelle anne anneliese annette annie annika anthony antje antoine anton antonia antonio aria
    ariana ariane ariel arjun arlene arnaud arne arnold arthur arturo arun asha ashley asma astrid athena aude audrey
    aurelie aurora aurélie axel aylin ayse ayşe aziz barbara bart bastian bastien beate beatrice beatriz becky belen
    belén ben benedikt benjamin benoit benoît berenice bernadette bernard bernd bernhard bertrand beth bettina betty
    beverly bianca birgit bjorn björn blanca bob bobby boris brad bradley brandon brenda brendan brian brianna
    bridget brigitte bruce bruno bryan bärbel caitlin camila camilla camille carina carl carla carlos carmen carol
    carole carolin carolina caroline carsten cassandra catalina caterina catherine cathy cecile cecilia cedric celia
    celine cesar chantal charles charlie chloe chloé chris christa christelle christina christine christof christoph
    christophe christopher christy cindy claas claire clara clarissa claude claudia claudio claus clemens clement
    clément colette colin colleen connor constance constanze cora corinna corinne cornelia cristian cristina
    cristóbal curt cynthia cécile cédric céline césar dagmar damian damien dan dana daniel daniela danielle danny
    daphne daria dario darren dave david dawid debbie deborah delphine denis denise dennis derek desiree detlef diana
    diane didier diego dieter dietmar dietrich dimitri dina dirk dmitri dominic dominik dominika dominique
    don donald donna dora doreen doris dorota dorothea dorothee dorothy doug douglas duncan dylan ed eddie edgar
    edith eduardo edward edwin eileen ekaterina elaine elena eleni eleonore elias elif elin elisa elisabeth elise
    eliza elizabeth ella ellen elliot elodie eloise elsa elvira emanuel emil emilia emilie emilio emily emine emma
    emmanuel emmanuelle emre enrico enrique eric erica erich erik erika ernesto erwin esra esteban estelle esteve
    esther ethan etienne eugen eugene eugenia eva evan evelyn fabian fabienne fabio fabrice fatima fatma federico
    felicia felicitas felipe felix ferdinand fernanda fernando filip fiona flavia flora florent florian francesca
    francesco francine francis francisca francisco francois franz franziska françois françoise fred freddy frederic
    frederick frederik frida frieda friedrich fritz frédéric félix gabi gabriel gabriela gabriele gabrielle gael
    gareth gary gavin gaël gemma genevieve geneviève geoffrey georg george georges georgina gerald gerard
    gerd gerhard gerrit gertrud ghislaine gianni gilbert gilles gina giovanni gisela giulia giuseppe gloria gonzalo
    gordon greg gregor gregory greta gudrun guido guillaume guillermo gunnar gustav gustavo gérard günter günther
    hakan hamza hanna hannah hannelore hannes hans harald harold harriet harry hartmut hasan hassan heather hector
    heidi heike heiko heiner heinrich heinz helen helena helene helga helmut hendrik henning henri henrik henry
    herbert hermann hilde hildegard holger horst howard hubert hugo hussein héctor hélène ian ibrahim ida ignacio
    igor ilona ilse imran ina ines inga inge ingeborg ingo ingrid inés irene irina iris irma isaac isabel isabell
    isabella isabelle ismael ismail ivan ivana ivonne iván jack jackie jacob jacqueline jacques jaime jakob jakub
    james jan jana jane janet janice janina jannik jasmin jasmine jason javier jay jean jeanette jeanne jeff jeffrey
    jelena jennifer jenny jens jeremy jerome jesse jessica jessie jesús jill jim jimmy joachim joan joana joanna
    joanne joaquin joaquín jochen joe joel joelle johan johann johanna johannes john johnny jon jonas jonathan
    jordi jorge jose josef josefina joseph josephine joshua josé joëlle juan juana judith jules julia julian juliana
    juliane julie julien juliette julio julius julián justin justine justyna jutta jérôme jörg jürgen kai karen karim
    karin karina karl karla karolina karoline karsten kasia katarina katarzyna kate katharina katherine kathleen
    kathrin kathryn kathy katie katja katrin kay keith kelly ken kenneth kerstin kevin khadija khaled kim kirsten
    klara klaus konrad konstantin kornelia kristen kristin kristina kristine krzysztof kurt kyle laetitia laila lara
    larissa larry lars laura laure laurence laurent laurie lea leah leandro leila lena leo leon leona leonard
    leonardo leonie leonor leopold leslie leticia levi lewis liam lidia lilian lilly lina linda lindsay linus lisa
    lisbeth lise lola lorena lorenz lorenzo loretta lothar lotte lou louis louisa louise luca lucas lucia lucie
    lucien lucy lucía ludovic ludwig luigi luis luisa luise lukas luke luna lutz lydia lydie léa léon maciej
    madeleine magali magda magdalena maggie magnus mahmoud maik maike maja malcolm malik malte mandy manfred manon
    manuel manuela marc marcel marcela marcelo marcin marco marcos marcus maren margaret margarete margarita margit
    margot marguerite maria marian mariana marianne marie mariela marilyn marina mario marion marisa marius marjorie
    mark marko markus marlene marlies marta martha martin martina martine martín marvin mary maría mateo mateusz
    mathias mathieu mathilde mats matt matteo matthew matthias matthieu maurice mauricio max maxim maxime maximilian
    megan mehdi mehmet meike mel melanie melina melissa mia michael michaela michal michał michel michele
    michelle michèle miguel mika mike mikhail milan milena mina mira miriam mirjam mirko mitchell mohamed mohammad
    mohammed moira molly mona monica monika monique morgane moritz muhammad murat mustafa myriam mélanie mónica nadia
    nadine nadja nancy naomi natalia natalie natascha nathalie nathan neil nele nicholas nick nicki nico nicola
    nicolas nicole nicolás nikita niklas niko nikolai nikolaus nils nina noah noel noelle noemi nora norbert norma
    norman noémie octavio odile olaf oleg olga oliver olivia olivier omar oscar oskar osman otto pablo pamela paola
    paolo pascal pascale patricia patricio patrick patrizia paul paula paulina pauline paulo pavel pedro peggy
    penelope perrine peter petra phil philip philipp philippa philippe pia pierre pilar piotr priscilla priya
    quentin rachel rachid rafael rahul rainer ralf ralph ramon ramón raoul raphael raphaël raquel raul raúl rebecca
    regina reiner reinhard reinhold renate renee rené renée ricardo richard rita robert roberta roberto robin rocío
    rodrigo roger roland rolf romain roman romane ron ronald ronja rosa rosalie rosario rosemarie rosie ross roxana
    ruben rubén rudi rudolf rupert russell ruth ryan régine sabina sabine sabrina said salim sally salma salvador
    salvatore sam samantha samir samira samuel sandra sandrine sandro sandy sanjay santiago sara sarah sascha saskia
    saïd scott sean sebastian sebastián selena selim selin selina selma serena serge sergej sergio severin shannon
    sharon sheila shirley sibylle siegfried sigrid silke silvia simon simona simone simón sina sofia sofie sofía
    solange sonia sonja sophia sophie soraya stefan stefanie steffen steffi stella stephan stephane stephanie stephen
    steve steven stuart stéphane stéphanie sue susan susana susann susanna susanne suzanne sven svenja svetlana swen
    sylvain sylvia sylvie sébastien séverine tamara tania tanja tanya tara tarek tatiana tatjana ted teresa terry
    thea theo theodor theresa therese thierry thomas thorsten théo thérèse tiffany till tilo tim timo timothy tina
    tobias toby todd tom tomas tomasz tommy tomás toni tony torsten tracy tristan udo ulf ulrich ulrike ursula ute
    uwe valentin valentina valentine valeria valerie valérie vanessa vera veronica veronika verónica vicente victor
    victoria viktor viktoria vincent violeta virginie vivian viviane vivien vladimir volker véronique víctor walter
    waltraud wanda wendy werner wilfried wilhelm willi william willy winfried wojciech wolfgang xavier ximena yannick
    yannis yasemin yasmin yasmina yolanda yusuf yves yvette yvonne zahra zainab zeynep zoe zofia zoé álvaro ángela
    élise élodie émilie étienne óscar özgür özlem
    """.split()  # noqa: SIM905 - a table of words reads best as text
)
