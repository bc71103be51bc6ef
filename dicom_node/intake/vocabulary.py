"""The words and codes by which headers name a view and a part of the body.

Real headers hold defined terms, abbreviations and free text in the language of the house, joined by
whatever the device allows. So a text is taken apart into words first, and words are matched whole:
LAT is a view, LATEX is not. Compounds (German, Dutch) are listed by how they begin.
"""

import re
import unicodedata
from dataclasses import dataclass
from itertools import pairwise

#: Where a small letter meets a capital one, or the last capital begins a word: ChestPA, CRThorax.
_CAMEL_CASE = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SEPARATOR = re.compile(r"[^A-Z]+")
#: Abbreviations written letter by letter: p.a., P->A, A/P, L.L.
_SPELLED = {("P", "A"), ("A", "P"), ("L", "L")}


@dataclass(frozen=True, slots=True)
class Words:
    """A closed list: whole words, and beginnings and ends of compounds."""

    whole: frozenset[str]
    beginnings: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()

    def are_in(self, words: frozenset[str]) -> bool:
        """Whether any of `words` (see `words_of`) is one of these."""
        return not self.whole.isdisjoint(words) or any(
            word.startswith(self.beginnings) or word.endswith(self.ends) for word in words
        )


def _words(whole: str, beginnings: str = "", ends: str = "") -> Words:
    # An empty tuple matches nothing, neither as a beginning nor as an end.
    return Words(frozenset(whole.split()), tuple(beginnings.split()), tuple(ends.split()))


# --- views ---

FRONTAL = _words(
    "PA AP FRONTAL FRONTALE FRONTALES FRONTAAL FRONT FRN FACE FRENTE ANTERO POSTERO DV VD",
    "ANTEROPOST POSTEROANT DORSOVENTR VENTRODORS ACHTERVOOR VOORACHTER",
)
LATERAL = _words(
    "LAT LATERAL LATERALE LATERALES LATERALI LATERALIS LATERAAL LL LLAT RLAT LATL LATR LTLAT RTLAT"
    " LLATERAL RLATERAL SEITLICH SEITLICHE SEITL PROFIL PROFILO PERFIL DWARS DWARSE"
    " ZIJDELINGS ZIJDELINGSE ZIJ XTABLE CROSSTABLE SWIMMER SWIMMERS",
    "LATEROLAT SEITAUFNAHME",
)
OBLIQUE = _words(
    "OBLIQUE OBLIQUES OBLIQ OBL OBLIQUA OBLIQUO OBLIQUAS OBLIQUOS OBLIQUI OBLICUA OBLICUO OBLICUAS"
    " OBLICUOS SCHRAG SCHRAEG SCHUIN SCHUINE RAO LAO RPO LPO RLO LLO OAD OAG OAI OPD OPG OPI",
    "SCHRAGAUFNAHME SCHRAEGAUFNAHME",
)
#: Lying on the side, whatever the language.
_ON_THE_SIDE = _words("LLD RLD ZIJLIGGING", "SEITENLAGE", "SEITENLAGE")
#: In French, Spanish, Italian and Portuguese the word alone is lying down: on the back, mostly.
_LYING = _words("", "DECUB")
_SIDE = _words(
    "L R LT RT LEFT RIGHT CHEST GAUCHE DROIT DROITE IZQ IZQUIERDO IZQUIERDA DERECHO DERECHA"
    " SINISTRO SINISTRA DESTRO DESTRA ESQUERDO ESQUERDA DIREITO DIREITA LINKS RECHTS",
    "LATERAL",
)
_ON_BACK_OR_FRONT = _words("DORSAL DORSALE VENTRAL VENTRALE PRONE PRONO PRONA", "SUPIN")
#: Used where a view is stated by itself; in a text they mean other things as well.
_LATERAL_AS_A_VALUE = _words("RL")

#: PS3.16 CID 4010, in SNOMED CT and in SNOMED-RT (SRT, SNM3, 99SDM): every lateral, sagittal and
#: oblique projection.
# fmt: off
LATERAL_VIEW_CODES = frozenset({
    "399067008", "R-102CD",  # lateral
    "399173006", "R-10236",  # left lateral
    "399198007", "R-10232",  # right lateral
    "399352003", "R-10228",  # lateral-medial
    "399260004", "R-10224",  # medial-lateral
    "30730003", "G-A145",    # sagittal
    "399182000", "R-102C1",  # oblique
    "399184004", "R-10238",  # left oblique
    "399236003", "R-10234",  # right oblique
    "399135007", "R-10220",  # left anterior oblique
    "399356000", "R-40985",  # right anterior oblique
    "399006002", "R-10212",  # left posterior oblique
    "399038007", "R-10210",  # right posterior oblique
    "399312000", "R-10208",  # antero-posterior oblique
    "399059000", "R-10216",  # postero-anterior oblique
    "399160007", "R-10204",  # frontal oblique
    "260427002", "R-40783",  # lateral oblique
    "260426006", "R-40782",  # medial oblique
    "399368009", "R-10226",  # medio-lateral oblique
    "399099002", "R-10230",  # latero-medial oblique
    "399004004", "R-10246",  # oblique axial
    "399288005", "R-10248",  # oblique cranio-caudal
    "399225005", "R-10250",  # oblique caudo-cranial
    "399132005", "R-10252",  # frontal-oblique axial
    "399325008", "R-10254",  # sagittal-oblique axial
})
FRONTAL_VIEW_CODES = frozenset({
    "399033003", "R-10202",  # frontal
    "399348003", "R-10206",  # antero-posterior
    "272479007", "R-40888",  # postero-anterior
})
#: PS3.16 CID 20, of which the patient lies on the side: the heart and any fluid lie elsewhere.
DECUBITUS_CODES = frozenset({
    "32185000", "F-10318",   # lateral decubitus
    "102536004", "F-10319",  # left lateral decubitus
    "102535000", "F-10317",  # right lateral decubitus
})
# fmt: on

# --- parts of the body ---

CHEST = _words(
    "CHEST CHESTS CXR THX TORACE LUNG LUNGS LUNGE LUNGEN RIB RIBS RIBCAGE RIPPE RIPPEN RIBBEN"
    " COSTILLA COSTILLAS COSTELA COSTELAS COSTE COTES PULMAO PULMOES PULMON PULMONES POLMONE"
    " POLMONI POUMON POUMONS LONGEN BRUSTKORB BORSTKAS POITRINE PECHO PEITO TELETORAX"
    " TELETHORAX HEMITHORAX HEMITORAX",
    "CHESTABD THORAX TORAX LUNGENAUFNAHME LUNGENUBERSICHT PULMONA",
)
#: Of the chest, unless it is the spine's or another part's: thoracic spine, rachis thoracique.
_OF_THE_CHEST = _words("COSTAL", "THORACI THORAKAL TORACIC TORACAL")

OTHER_PART = _words(
    # English, and the defined terms of PS3.16 Annex L
    "HIP HIPS PELVIS PELVIC TIBIA FIBULA FEMUR KNEE KNEES PATELLA ANKLE ANKLES FOOT FEET TOE TOES"
    " HAND HANDS WRIST WRISTS FINGER FINGERS THUMB ELBOW ELBOWS FOREARM HUMERUS SHOULDER SHOULDERS"
    " CLAVICLE CLAVICLES SCAPULA STERNUM SKULL MANDIBLE MAXILLA SPINE VERTEBRA VERTEBRAE COCCYX"
    " SACRUM LUMBAR CERVICAL ABDOMEN ABDOMINAL ABD KUB EXTREMITY EXTREMITIES EXTREMETIES EXM BREAST"
    " BREASTS CALCANEUS WHOLEBODY THIGH"
    # German
    " HUFTE HUEFTE BECKEN KNIE UNTERSCHENKEL OBERSCHENKEL OBERARM UNTERARM ELLENBOGEN ELLBOGEN"
    " HANDGELENK FUSS FUSSE FUESSE ZEHE ZEHEN DAUMEN SCHULTER SCHLUSSELBEIN SCHLUESSELBEIN SCHADEL"
    " SCHAEDEL NNH HWS BWS LWS BAUCH SPRUNGGELENK OSG FERSE BRUSTBEIN CLAVICULA KLAVIKULA"
    # French
    " HANCHE HANCHES BASSIN GENOU GENOUX CHEVILLE PIED PIEDS ORTEIL ORTEILS POIGNET DOIGT DOIGTS"
    " POUCE COUDE AVANTBRAS EPAULE EPAULES CLAVICULE OMOPLATE CRANE RACHIS COLONNE LOMBAIRE ASP"
    " CUISSE JAMBE CALCANEUM"
    # Spanish
    " CADERA CADERAS RODILLA RODILLAS TOBILLO TOBILLOS MANO MANOS MUNECA MUNECAS DEDO DEDOS PULGAR"
    " CODO CODOS ANTEBRAZO HOMBRO HOMBROS ESCAPULA CRANEO COLUMNA RAQUIS MUSLO PIERNA TALON"
    # Italian
    " ANCA BACINO GINOCCHIO GINOCCHIA CAVIGLIA PIEDE PIEDI MANI POLSO DITO DITA GOMITO AVAMBRACCIO"
    " OMERO SPALLA SPALLE CLAVICOLA SCAPOLA CRANIO COLONNA RACHIDE LOMBARE ADDOME FEMORE COSCIA"
    " GAMBA TALLONE"
    # Portuguese
    " QUADRIL BACIA JOELHO JOELHOS TORNOZELO MAO MAOS PUNHO COTOVELO ANTEBRACO UMERO OMBRO OMBROS"
    " COLUNA LOMBAR ABDOME COXA PERNA CALCANEO"
    # Dutch
    " HEUP HEUPEN BEKKEN ENKEL ENKELS VOET VOETEN TENEN HANDEN POLS VINGER VINGERS DUIM ELLEBOOG"
    " ONDERARM BOVENARM SCHOUDER SCHOUDERS SLEUTELBEEN SCHEDEL CWK TWK LWK BUIK ONDERBEEN"
    " BOVENBEEN",
    "KNIEGELENK HUFTGELENK HUEFTGELENK SCHULTERGELENK BECKENUBERSICHT BECKENUEBERSICHT ABDOMENU"
    " ABDOMENLEER BUIKOVERZICHT THORACOLUMB TORACOLOMB TORACOLUMB DORSOLUMB LUMBOSACR LOMBOSACR"
    " CERVICOTHOR WIRBEL SACROILI EXTREMIT MAMMO ACROMIO STERNOCLAV",
    "SPINE WIRBELSAULE WIRBELSAEULE WERVELKOLOM WIRBELKORPER",
)
#: Parts of the body where one is stated; in a text tubes, people, trauma boards and other things.
_OTHER_PART_AS_A_VALUE = _words(
    "ARM ARMS ARME LEG LEGS HEAD NECK JAW NOSE NASAL SINUS SINUSES FACE FACIAL ORBIT ORBITS TEETH"
    " HEEL COLON STOMACH ESOPHAGUS RADIUS ULNA KOPF HALS BEIN BEINE KIEFER MAIN MAINS BRAS TETE COU"
    " MACHOIRE SEIN SEINS PIE PIES BRAZO CABEZA CUELLO SENOS MAMA TESTA COLLO BRACCIO SACRO BRACO"
    " CABECA PESCOCO HOOFD NEK KAAK TEEN TEETH"
)
ANIMAL = _words("CANINE FELINE EQUINE BOVINE CANIS FELIS VETERINARY")

#: What stands glued to a word for the chest: CHESTPA, LATCHEST, RXTORAX.
_GLUED = re.compile(
    r"(?P<before>PA|AP|LAT|CR|DX|DR|RX|XR|CT)?(?P<chest>CHEST|THORAX|TORAX|TORACE)"
    r"(?P<after>PA|AP|LAT|LATERAL|LL|LLAT|RLAT|OBL|FRONTAL|FACE|PROFIL|PERFIL)?"
)


def words_of(text: str) -> frozenset[str]:
    """The words in `text`, in capitals and without accents; whatever is no letter parts them."""
    bare = "".join(
        letter
        for letter in unicodedata.normalize("NFKD", text)
        if not unicodedata.combining(letter)
    )
    spaced = _CAMEL_CASE.sub(" ", bare)
    words: set[str] = set()
    for reading in {bare, spaced}:
        words |= _in_order(reading)
    return frozenset(words)


def _in_order(text: str) -> set[str]:
    parts = [part for part in _SEPARATOR.split(text.upper()) if part]
    words = set(parts)
    for first, second in pairwise(parts):
        if (first, second) in _SPELLED:
            words.add(first + second)
        if second == "TABLE" and first in ("X", "CROSS"):
            words.add("XTABLE")
        if (first, second) in (("WHOLE", "BODY"), ("AVANT", "BRAS")):
            words.add(first + second)
    for part in parts:
        if glued := _GLUED.fullmatch(part):
            words |= {piece for piece in glued.groups() if piece}
    return words


def names_chest(text: str) -> bool:
    """Whether the chest, the lungs or the ribs are named."""
    words = words_of(text)
    return CHEST.are_in(words) or (_OF_THE_CHEST.are_in(words) and not OTHER_PART.are_in(words))


def states_other_part(text: str) -> bool:
    """Whether a value whose purpose is to state a part of the body states another one."""
    words = words_of(text)
    other = OTHER_PART.are_in(words) or _OTHER_PART_AS_A_VALUE.are_in(words)
    return other and not names_chest(text)


def names_other_part(text: str) -> bool:
    """Whether free text names another part of the body."""
    return OTHER_PART.are_in(words_of(text)) and not names_chest(text)


def names_animal(text: str) -> bool:
    return ANIMAL.are_in(words_of(text))


def states_lateral(text: str) -> bool:
    """Whether a value whose purpose is to state a view states one that is not frontal.

    AP LLD is a projection from the front, but of a patient who lies on the side.
    """
    words = words_of(text)
    if OBLIQUE.are_in(words) or _lies_on_the_side(words):
        return True
    lateral = LATERAL.are_in(words) or _LATERAL_AS_A_VALUE.are_in(words)
    return lateral and not FRONTAL.are_in(words)


def states_frontal(text: str) -> bool:
    """Whether such a value states a frontal view."""
    words = words_of(text)
    return FRONTAL.are_in(words) and not (LATERAL.are_in(words) or states_lateral(text))


def names_lateral(text: str) -> bool:
    """Whether free text names no frontal view but another one; PA/LAT may be either."""
    words = words_of(text)
    if FRONTAL.are_in(words):
        return False
    return LATERAL.are_in(words) or OBLIQUE.are_in(words) or _lies_on_the_side(words)


def _lies_on_the_side(words: frozenset[str]) -> bool:
    if _ON_THE_SIDE.are_in(words):
        return True
    return _LYING.are_in(words) and _SIDE.are_in(words) and not _ON_BACK_OR_FRONT.are_in(words)
