"""Which letters a result's own words may have: those of the character set that it inherits.

The patient's name goes out as the bytes that came, and with it the Specific Character Set that says
how to read them (PS3.3 C.12.1.1.2), so that one set has to do for both. Latin-1 and UTF-8 have the
letters of every language here. Without a set, and with nothing in the header but ASCII, Latin-1 is
stated: the inherited bytes mean the same in it. In any other set what we add is ASCII, umlauts and
accents written out.
"""

from pydicom.tag import Tag

from sr_writer.language import ENGLISH
from sr_writer.languages import Words, words_of
from sr_writer.source import Source

_CHARSET = Tag("SpecificCharacterSet")
_LATIN = "ISO_IR 100"
#: The letters there are for us, as Python calls them, by the one value of (0008,0005). UTF-8 has
#: more, which nobody here needs.
_LETTERS = {_LATIN: "latin-1", "ISO 2022 IR 100": "latin-1", "ISO_IR 192": "latin-1"}
_ASCII = "ISO_IR 6"


def words_in(language: str, source: Source) -> Words:
    """Words in the letters that there are for them; English needs none but ASCII."""
    words = words_of(language)
    if language == ENGLISH:
        return words
    return words.with_letters(_LETTERS.get(charset_of(source)[0], "ascii"))


def charset_of(source: Source) -> tuple[str, bool]:
    """The set in which our words are encoded, and whether it need not be stated any more."""
    element = source.inherited.get(_CHARSET)
    if element is None:
        plain = all(
            not isinstance(one.value, bytes) or one.value.isascii()
            for one in source.inherited.values()
        )
        return (_LATIN, False) if plain else (_ASCII, True)
    term = (element.value or b"").decode("ascii", "replace").strip(" \0")
    return (term, True) if term in _LETTERS else (_ASCII, True)
