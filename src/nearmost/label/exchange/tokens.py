"""Tokens of English text as spaCy cuts them, near enough to read the token numbers that refinery's projects hold.

The way is that of spaCy's documentation ("How spaCy's tokenizer works"): text is split at spaces, then marks are taken
off both ends of each piece until nothing more comes off, and what is left is split at marks between letters.
Abbreviations and contractions are known by heart, the commonest only.
"""

from __future__ import annotations

import re

SPACES = re.compile(r"(?<=\s)\s+|^\s+|\S+")
MARKS = r"…|,|:|;|!|\?|¿|¡|\(|\)|\[|\]|\{|\}|<|>|_|\#|\*|&|\"|'|''|”|“|`|‘|´|’|‚|„|»|«"
CURRENCY = r"\$|£|€|¥|฿|US\$|C\$|A\$"
UNITS = "km|kg|g|mg|m|cm|mm|mph|GB|MB|KB|TB|Kb|kb|mb|Mb|gb|Gb|tb|hPa|Pa|mbar|T|G|M|K|%|ft|l|ml"
PREFIX = re.compile(rf"§|%|=|—|–|\+(?![0-9])|\.{{2,}}|{MARKS}|{CURRENCY}")
SUFFIX = re.compile(
    rf"(?:\.{{2,}}|{MARKS}|['’][sS]|—|–|(?<=[0-9])\+|(?<=[0-9])(?:{CURRENCY})|(?<=[0-9])(?:{UNITS})"
    r"|(?<=[0-9a-z%²\-+,:;!?()\[\]{}<>\"'”’])\.|(?<=[A-Z][A-Z])\.)$"
)
INFIX = re.compile(
    r"\.{2,}|…|(?<=[0-9])[+\-*^](?=[0-9-])|(?<=[a-z\"'”’])\.(?=[A-Z\"'“‘])|(?<=[^\W\d_]),(?=[^\W\d_])"
    r"|(?<=[^\W_])(?:--+|-|–|—|~)(?=[^\W\d_])|(?<=[^\W_])[:<>=/](?=[^\W\d_])"
)
PAGE = re.compile(
    r"(?:https?://|www\.)\S+\.\w+\S*|[\w.+-]+@[\w-]+\.[\w.-]*\w|(?:[\w-]+\.)+(?:com|org|net|edu|gov|co\.uk)(?:/\S*)?"
)
WHOLE = re.compile(
    r"(?:[A-Za-z]\.)|(?:Mr|Mrs|Ms|Dr|Prof|Inc|Corp|Co|Ltd|St|Jr|Sr|Gov|Sen|Rep|Gen|Adm|Rev|Bros|Mt|vs|v\.s|e\.g|i\.e"
    r"|a\.m|p\.m|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Sept|Oct|Nov|Dec|Ala|Ariz|Ark|Calif|Colo|Conn|Del|Fla|Ga|Ia|Id|Ill|Ind"
    r"|Kan|Kans|Ky|La|Mass|Md|Mich|Minn|Miss|Mo|Mont|N\.C|N\.D|N\.H|N\.J|N\.M|N\.Y|Neb|Nebr|Nev|Okla|Ore|Pa|Penn|S\.C"
    r"|Tenn|Va|Wash|Wis|D\.C)\.|[:;]-?[()]|\):|'em|o'clock"
)
PARTS = re.compile(
    r"(?i:(?P<not>do|does|did|is|are|was|were|has|have|had|would|could|should|must|need|ca|wo|ai)(?:n['’]?t)"
    r"|(?P<pronoun>i|you|he|she|it|we|they|that|there|what|who|where|how)(?:['’](?:ll|d|ve|re|m|s))"
    r"|(?P<bare>that|there|what|how|where|who)(?:s)|(?P<time>\d+)(?:[ap]\.?m\.?)|(?P<can>can)(?:not))"
)


def tokens(text: str) -> list[tuple[int, int]]:
    """Where each token starts and ends, in characters."""
    found: list[tuple[int, int]] = []
    for piece in SPACES.finditer(text):
        if piece[0].isspace():
            found.append(piece.span())
        else:
            found += _cut(text, *piece.span())
    return found


def _cut(text: str, start: int, stop: int) -> list[tuple[int, int]]:
    before: list[tuple[int, int]] = []
    after: list[tuple[int, int]] = []
    while start < stop:
        piece = text[start:stop]
        if (known := _known(piece, start)) is not None:
            return [*before, *known, *after[::-1]]
        if PAGE.fullmatch(piece):
            break
        if prefix := PREFIX.match(piece):
            before.append((start, start + prefix.end()))
            start += prefix.end()
        elif suffix := SUFFIX.search(piece):
            after.append((start + suffix.start(), stop))
            stop = start + suffix.start()
        else:
            break
    middle: list[tuple[int, int]] = []
    if start < stop and PAGE.fullmatch(text[start:stop]):
        middle = [(start, stop)]
    elif start < stop:
        at = start
        for infix in INFIX.finditer(text, start, stop):
            if infix.start() > at:
                middle.append((at, infix.start()))
            middle.append(infix.span())
            at = infix.end()
        middle += [(at, stop)] if at < stop else []
    return [*before, *middle, *after[::-1]]


def _known(piece: str, start: int) -> list[tuple[int, int]] | None:
    """The tokens of a piece that is known by heart."""
    if WHOLE.fullmatch(piece):
        return [(start, start + len(piece))]
    if parts := PARTS.fullmatch(piece):
        at = start + next(parts.end(name) for name in parts.groupdict() if parts[name] is not None)
        return [(start, at), (at, start + len(piece))]
    return None
