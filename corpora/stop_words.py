"""Function words by language: articles, pronouns, prepositions, conjunctions, auxiliaries.

Short on purpose. Longer lists hold words that questions are about (numbers, "new", "name",
"work"), and a list that changes with a library's version would change indexes. A list is of words
as the analyzer cuts them: lower case, no apostrophes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

StopWords = Literal[
    "none",
    "danish",
    "dutch",
    "english",
    "finnish",
    "french",
    "german",
    "hungarian",
    "italian",
    "norwegian",
    "polish",
    "portuguese",
    "romanian",
    "russian",
    "spanish",
    "swedish",
    "turkish",
]
"""Languages with a list; ``none`` leaves nothing out."""

_LISTS: Mapping[str, str] = {
    "danish": """
        af alle at blev blive bliver da de dem den denne der deres det dette dig din disse dog du
        efter eller en end er et for fra ham han hans har havde have hende hendes hos hun hvad hvem
        hvilken hvilke hvis hvor hvordan hvorfor i ikke ind jeg jer kan man med men mig min mit
        mod ned nogle nu når og også om op os over på sig sin sit skal som så til ud under var vi
        vil ville være været
    """,
    "dutch": """
        aan als bij dan dat de deze die dit door een en er had hadden heb hebben heeft hem
        het hij hoe hun ik in is je kan kunnen maar me met mij mijn moet na naar niet nog nu of om
        onder ons onze ook op over te tegen toen tot u uit uw van veel voor waar waarom wanneer
        waren was wat we welke wel werd wie wij wil worden wordt zal ze zich zij zijn zo zonder zou
    """,
    "english": """
        a an and are as at be but by did do does for how if in into is it no not of on or such that
        the their then there these they this to was what which who will with
    """,
    "finnish": """
        ei eivät emme en että hän he heidän hänen ja jo joita joka jonka jos jossa jota jotka kanssa
        keiden ketkä koska kuin kuka kun me meidän mikä mikäli minkä minun minä missä mistä mitkä
        mitä mutta myös ne niiden niin nuo nyt näiden nämä ole oli olivat olla olen on ovat se sekä
        sen siinä sille sinun sinä sitä tai te teidän tuo tuon tämä tämän vaan vai vain
    """,
    "french": """
        à ai au aux avec c ce ces cet cette ceux ci comme comment d dans de des donc dont du elle
        elles en est et eu eux il ils j je l la le les leur leurs lui m ma mais me mes moi mon n ne
        nos notre nous on ont ou où par pas pour pourquoi qu quand que quel quelle quelles quels qui
        s sa se ses si son sont sur t ta te tes toi ton tu un une vos votre vous y être avait
        avoir cela ça était étaient
    """,
    "german": """
        aber als am an auch auf aus bei bin bis bist da damit das dass daß dem den denn der des dich
        die dies diese diesem diesen dieser dieses dir doch du durch ein eine einem einen einer
        eines er es für gegen hat hatte hatten haben ich ihm ihn ihnen ihr ihre ihrem ihren ihrer im
        in ins ist kann können man mein meine mich mir mit nach nicht noch nun nur ob oder ohne
        sein seine seinem seinen seiner sich sie sind so um und uns unser unter vom von vor wann war
        waren warum was weil welche welchem welchen welcher welches wenn wer werden wie wir wird wo
        wurde wurden zu zum zur über
    """,
    "hungarian": """
        a az egy és is hogy nem de ha vagy meg mint csak már még ez azt ezt ezek azok én te ő mi
        ti ők volt van vannak voltak lesz lenne ki mit hol mikor miért hogyan melyik amely
        amelyek aki akik ami után előtt alatt között által számára szerint ill illetve valamint
        pedig sem se ne be fel le
    """,
    "italian": """
        a ad agli ai al alla alle allo anche c che chi ci come con cosa cui d da dagli dai dal dalla
        dalle dallo degli dei del della delle dello di dove e ed era erano essere fu gli ha hanno ho
        i il in io l la le lei li lo loro lui ma me mi mia mie mio ne negli nei nel nella nelle
        nello noi non nostra nostro o per perché però più quale quali quando quanto quella quelle
        quelli quello questa queste questi questo se sei si sia sono sta stato su sua sue sugli sui
        sul sulla sulle suo suoi ti tra tu un una uno vi voi è
    """,
    "norwegian": """
        alle at av bare ble blei bli blir da de dei deg dem den denne der dere deres det dette di
        din disse du eg ein eit eller en er et etter for fordi fra før ha hadde han hans har hennar
        henne hennes her hos hun hva hvem hver hvilken hvis hvor hvordan hvorfor i ikke ikkje inn
        ja jeg kan man med meg men mi min mot må ned nei noe noen nå når og også om opp oss over på
        seg selv si sin sitt skal som så til um under ut var ved vi vil ville vår være vært å
    """,
    "polish": """
        a aby albo ale ani bez bo by być był była było były co czy dla do gdy gdzie go i ich im ja
        jak jako je jego jej jemu jest jestem jeśli już kiedy kto która które którego której który
        których którym którzy lub ma mają mi mnie mu my na nad nam nas nie niż o od on ona one oni
        ono oraz po pod przed przez przy się są ta tak także tam te tego tej ten to tu ty tych tym u
        w we więc wy z za ze że żeby
    """,
    "portuguese": """
        a ao aos aquela aquelas aquele aqueles as com como da das de dela delas dele deles do dos e
        ela elas ele eles em entre era eram essa essas esse esses esta estas este estes está estão
        eu foi foram há isso isto já lhe lhes mais mas me mesmo meu minha muito na nas nem no nos
        nossa nosso não nós o onde os ou para pela pelas pelo pelos por porque porquê qual quais
        quando que quem se sem ser seu seus sua suas são só também te tem têm tinha um uma umas uns
        você vocês à às é
    """,
    "romanian": """
        a acea aceasta această aceea acei aceia acel acela acele acest acesta aceste acestea acești
        ai al ale am ar are as asta au ca care ce cel cele cei celor cu cum când câte că da dacă dar
        de deci decât despre din după e ea ei el ele era erau este eu fi fie fost fără iar ii il în
        îi îl într între la le li lor lui mai mea mei mele meu mi ne nici noi nostru nu o ori pe
        pentru peste prin sa sale sau se si spre su sub sunt sună să tu un una unde unei unor unui
        va vă voi vor și
    """,
    "russian": """
        а без бы был была были было быть в вам вас весь во вот все всё вы где да для до его ее её
        если есть еще ещё же за и из или им их к как какая какие какой ко когда которая которое
        которые который которых кто ли между меня мне мной мы на над нам нас не него нее неё ней нет
        ни них но ну о об он она они оно от по под после почему при про с со свой себя так также там
        те тебя тем то того тоже той только том ты у уже чего чем что чтобы эта эти это этого этой
        этот я
    """,
    "spanish": """
        a al algo ante como con contra cual cuales cuando cuándo cuál cuáles cómo de del desde donde
        dónde durante e el ella ellas ellos en entre era eran es esa esas ese eso esos esta estaba
        estas este esto estos está están fue fueron ha han hasta hay la las le les lo los me mi mis
        muy más ni no nos nosotros o os otra otro para pero por porque que quien quienes quién qué
        se ser si sin sobre son su sus sí también te tiene tu tus un una uno unos unas y ya yo él
    """,
    "swedish": """
        alla allt att av blev bli blir de dem den denna deras dess dessa det detta dig din ditt du
        där därför efter ej eller en er ett från för ha hade han hans har henne hennes hon honom hos
        hur här i icke in inte ja jag kan man med mellan men mig min mitt mot mycket ni nu när nån
        och om oss på sig sin sitt ska skall som så till under upp ut utan vad var varför varit vars
        vem vi vid vilka vilken vilket vår våra än är åt över
    """,
    "turkish": """
        acaba ama ancak bana bazı belki ben beni benim bir biri biz bize bizim bu buna bunda bundan
        bunlar bunu bunun da daha de değil diye en eğer gibi ha hem hep hepsi her hiç için ile ise
        ki kim mi mu mü mı nasıl ne neden nerede niye o olan olarak oldu on ona ondan onlar onu onun
        sana sen seni senin siz size sizin sonra şey şu ve veya ya yani çok çünkü
    """,
}


def stop_words(name: StopWords) -> frozenset[str]:
    """The words of a language's list; none for ``none``.

    >>> sorted(stop_words("german") & {"der", "hund", "und"})
    ['der', 'und']
    """
    return frozenset(_LISTS.get(name, "").split())
