"""How chests, their views and other parts of the body are spelled in real headers.

One line a spelling: attribute, value. Habits of the big public collections (MIMIC-CXR, CheXpert,
PadChest) and of the makers (Agfa, Carestream, Fuji, GE, Philips, Siemens), in seven languages.
"""

from enum import Enum


class Kind(Enum):
    """What such a header must come to."""

    FRONTAL = "analysed, and it says chest"
    LATERAL = "not a frontal view"
    NOT_CHEST = "not the chest"
    UNKNOWN = "analysed, and the lungs found decide"


#: View Position of an image whose Body Part Examined is CHEST.
VIEWS = {
    Kind.FRONTAL: """PA|AP|pa|A.P.|P.A.|P-A|A/P|PA 85|AP PORT|AP_SUPINE|PAUpright|AP AXIAL|FRONTAL
        |POSTEROANTERIOR|ANTEROPOSTERIOR|POSTERO-ANTERIOR|AP ERECT|PA1|AP SEMI-ERECT|PA/LAT|SUPINE
        |ERECT|DECUB|PORTABLE|STEHEND|UNKNOWN|CHEST|W|Thorax p.a.|frontaal|FRENTE|de face""",
    Kind.LATERAL: """LL|RL|LLD|RLD|LLO|RLO|LAO|RAO|LPO|RPO|LAT|LATERAL|OBLIQUE|XTABLE LATERAL
        |LEFT LATERAL|RIGHT LATERAL|LLAT|RLAT|L LAT|R LAT|LT LAT|RT_LAT|LATERAL L|AP LLD|PA LLD
        |AP RLD|PA RLD|SWIMMERS|LL.|LAT1|LATERAL DECUBITUS|L DECUB|PA OBLIQUE|X-TABLE|CROSS TABLE
        |seitlich|PROFIL|PERFIL|LATERO-LATERALE|OBL|LLateral|RLateral""",
}

#: Series Description of an image without any other word about it.
SERIES_TEXTS = {
    Kind.FRONTAL: """Chest PA|CHEST AP|CHEST, PA|Chest PA/LAT|Chest 2 views PA and lateral|CHESTPA
        |CHEST_PA|ChestPA|PACHEST|W Chest PA|W033 Chest PA Erect|CHEST,FRN P->A|CHEST,GENERAL
        |Chest portable|XR Chest 1 View|CR CHEST|CXR|CXR PA|PORT CHEST 1V AP|AP CHEST SEMI-ERECT
        |CHEST AP SUPINE|Chest AP LATEX FREE|CHEST PA NO LATEX|Chest (Hand held) PA|CHEST ARMS DOWN
        |Chest, Dr. Lateralus PA|CHEST PLATE|RIBS AP|PEDIATRIC CHEST AP|Chest PA Lordotic
        |CHEST AP DECUB SUPINE|RXTORAX|DX CHEST
        |Thorax p.a.|Thorax a.p.|Thorax pa stehend|Thorax p.a. im Stehen|Thorax ap liegend
        |Thoraxaufnahme|Thorax in 2 Ebenen|Bett-Thorax|Röntgen Thorax|RöThorax|THORAX_AP_BETT
        |Lungenaufnahme|Thorax Übersicht|Thorax pa/seitl.
        |Thorax de face|THORAX FACE|Poumons face|Thorax face et profil|Thorax AP décubitus dorsal
        |Thorax décubitus|Cliché pulmonaire|Thorax au lit
        |Tórax PA|TORAX AP|Rx tórax frente|Tórax posteroanterior|TORAX DECUB
        |TORAX AP DECUBITO SUPINO
        |Tórax decúbito supino|Tórax PA y lateral|Torax frontal|Tele-tórax
        |Torace PA|Torace antero-posteriore|RX TORACE|Torace 2 proiezioni PA LL|Torace a letto
        |Torace supino|Torace in decubito supino
        |Tórax frente|Tórax em PA|Radiografia de tórax|Tórax PA e perfil|Pulmões AP
        |X-thorax|Thorax AP bed|X-Thorax voorachterwaarts|THX PA|Longen PA|Borstkas AP
        |Thorax PA staand""",
    Kind.LATERAL: """Chest lateral|CHEST LAT|CHEST_LAT|CHESTLAT|ChestLat|LATCHEST|W_CHEST_LAT
        |Chest, LAT|CHEST,LAT.|CHEST-LATERAL|Chest.Lateral|CHEST/LAT|Chest LLAT|chest lat 2
        |LAT1CHEST|Chest LL|CHEST XTABLE|CHEST CROSS-TABLE|Chest Lt Lat|Chest L. Lateral
        |Chest oblique|CHEST_OBL|CHEST RAO|CHEST LPO|RIBS OBLIQUE|CHEST DECUB|CHEST LLD
        |Chest left decubitus|Chest decubitus|CHEST LAT DECUB L|Chest Swimmers
        |Thorax lat.|Thorax_lat_stehend|Thorax seitlich|Thorax seitl.|Thorax schräg|THORAX SCHRAEG
        |Thorax Linksseitenlage|Thorax in Seitenlage|ThoraxLat
        |Thorax profil|THORAX PROFIL GAUCHE|Thorax oblique OAD|Thorax décubitus latéral
        |Thorax décubitus gauche
        |Tórax lateral|Torax perfil|TORAX_LAT|Tórax oblicua|Tórax decúbito lateral izquierdo
        |Torace LL|Torace L.L.|Torace latero-laterale|Torace laterale|Torace obliqua|Torace profilo
        |Tórax perfil|Tórax oblíquo|Tórax perfil esquerdo|Tórax decúbito lateral direito
        |Thorax lateraal|Thorax dwars|X-thorax zijdelings|Thorax schuin|Thorax zijligging""",
    Kind.NOT_CHEST: """Abdomen AP|KUB|Knee LAT|KNEE_AP_L|Pelvis AP|L-Spine AP|T-SPINE LAT
        |Thoracic spine AP|Hand PA|LEFT HAND PA|Foot obl|Shoulder AP|WristPA|C SPINE LATERAL
        |Becken a.p.|Beckenübersicht|BWS ap|BWS seitlich|Kniegelenk re ap|Hüfte|Schulter ap
        |Brustwirbelsäule|Handgelenk|Schädel pa
        |Bassin de face|Genou profil|Rachis dorsal|Rachis thoracique face|ASP|Épaule face
        |Columna dorsal AP|Columna torácica|Rodilla AP|Cadera derecha|Muñeca|Hombro PA
        |Bacino AP|Rachide dorsale|Ginocchio AP|Addome|Spalla
        |Coluna torácica AP|Joelho perfil|Bacia AP|Ombro|Mão PA
        |Bekken AP|Knie links|Wervelkolom thoracaal|Buikoverzicht|Enkel AP|CWK""",
    Kind.UNKNOWN: """PA|AP|Portable|Distribution copy|ORCHESTRA|Manchester|Rochester General|Handler
        |LATEX|Prof. Pelvisio|HIPAA|Armstrong|Footnote|Translated|Platelet|Paula|APRIL|Kneeling
        |SHIP|CHIP|Toolbox|2 views|Standard|Series 1|S1|L1|Unnamed|Bett|liegend|Head up 30
        |arms up|Main building|on spinal board|Pineapple""",
}

#: Body Part Examined alone, and with a protocol that mentions something else.
PARTS = {
    Kind.FRONTAL: """CHEST|Chest|THORAX|TORAX|TORACE|LUNG|LUNGS|RIBS|RIB|RIBCAGE|CHEST PA|CHEST_ABD
        |CHESTABDOMEN|CHESTABDPELVIS|CHEST/ABDOMEN|Thorax_pa|PECHO|POITRINE|BRUSTKORB|BORSTKAS
        |PULMON|THORACIC|Cage thoracique|PORT CHEST|RIBS THORAX|CHEST1""",
    Kind.NOT_CHEST: """ABDOMEN|PELVIS|HIP|KNEE|HAND|TSPINE|T SPINE|THORACIC SPINE|LSPINE|CSPINE
        |L_SPINE|SPINE|SKULL|HEAD|NECK|SHOULDER|CLAVICLE|ARM|LEG|EXTREMITY|UP_EXM|LOW_EXM|FOOT
        |STERNUM|BREAST|HWS|BWS|Schulter|MANO|PIE|MAIN|BRAS|GINOCCHIO|JOELHO|HEUP|WHOLE BODY
        |WHOLEBODY|THORACOLUMBAR|BRUSTWIRBELSAEULE""",
    Kind.UNKNOWN: """|UNKNOWN|OTHER|MISC|BODY|TRUNK|HANDLER|DISTRIBUTION|LATEX|HEART""",
}


def spelled(table: dict[Kind, str]) -> list[tuple[str, Kind]]:
    """(spelling, what it must come to)."""
    return [
        (spelling.strip(), kind) for kind, text in table.items() for spelling in text.split("|")
    ]
