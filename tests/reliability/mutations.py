"""Ways to damage an index file: blind ones, and ones that know the format and repair every checksum behind them."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from nearmost import _core, store
from nearmost.kinds.flat import layout
from nearmost.metrics import METRICS

Header = dict[str, Any]
Section = dict[str, Any]
"""name, dtype, shape and data (bytes)."""


def mutate(sound: bytes, rng: random.Random) -> tuple[str, bool, bytes]:
    """The name of what was done, whether the checksums were repaired, and the damaged file."""
    if rng.random() < 0.5:
        blind = rng.choice(BLIND)
        return blind.__name__, False, blind(sound, rng)
    header, sections = parts(sound)
    done = []
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        knowing = rng.choice(KNOWING)
        knowing(header, sections, rng)
        done.append(knowing.__name__)
    if rng.random() < 0.3:
        return "+".join([*done, "edited_table"]), True, assembled(header, sections, rng)
    return "+".join(done), True, assembled(header, sections)


# ---- blind ----------------------------------------------------------------------------------------------------------


def cut_short(sound: bytes, rng: random.Random) -> bytes:
    return sound[: rng.choice((0, 1, 39, 40, 63, 64, rng.randrange(len(sound)), len(sound) - 1, len(sound) // 2))]


def made_longer(sound: bytes, rng: random.Random) -> bytes:
    return sound + rng.choice((b"\0", rng.randbytes(rng.randrange(1, 200)), sound, bytes(4096)))


def bits_flipped(sound: bytes, rng: random.Random) -> bytes:
    return _poked(sound, rng, len(sound))


def header_bits_flipped(sound: bytes, rng: random.Random) -> bytes:
    return _poked(sound, rng, 600)


def preamble_bits_flipped(sound: bytes, rng: random.Random) -> bytes:
    return _poked(sound, rng, store.PREAMBLE.size)


def _poked(sound: bytes, rng: random.Random, within: int) -> bytes:
    damaged = bytearray(sound)
    for _ in range(rng.choice((1, 1, 1, 2, 8))):
        damaged[rng.randrange(min(within, len(damaged)))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def words_overwritten(sound: bytes, rng: random.Random) -> bytes:
    damaged = bytearray(sound)
    for _ in range(rng.choice((1, 2, 5))):
        at = rng.randrange(max(1, len(damaged) - 8)) // 4 * 4
        damaged[at : at + 4] = struct.pack(
            "<I", rng.choice((0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, rng.getrandbits(32)))
        )
    return bytes(damaged[: len(sound)])


def piece_moved(sound: bytes, rng: random.Random) -> bytes:
    size = rng.choice((1, 16, 64, 512))
    a, b = (rng.randrange(max(1, len(sound) - size)) for _ in range(2))
    damaged = bytearray(sound)
    damaged[b : b + size] = sound[a : a + size]
    return bytes(damaged[: len(sound)])


def page_of_zeros(sound: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(sound)) // 512 * 512
    return (sound[:at] + bytes(512) + sound[at + 512 :])[: len(sound)]


def copied_as_text(sound: bytes, rng: random.Random) -> bytes:
    return rng.choice((sound.replace(b"\r\n", b"\n"), sound.replace(b"\n", b"\r\n"), sound.split(b"\x1a")[0],
                       bytes(byte & 127 for byte in sound)))  # fmt: skip


BLIND: list[Callable[[bytes, random.Random], bytes]] = [
    cut_short, made_longer, bits_flipped, bits_flipped, header_bits_flipped, preamble_bits_flipped, words_overwritten,
    piece_moved, page_of_zeros, copied_as_text,
]  # fmt: skip


# ---- with checksums repaired ----------------------------------------------------------------------------------------


def number_replaced(header: Header, sections: list[Section], rng: random.Random) -> None:
    header[rng.choice(("dim", "n_rows", "unit", "metric", "kind", "projection", "encoder"))] = strange(rng)


def number_nudged(header: Header, sections: list[Section], rng: random.Random) -> None:
    name = rng.choice(("dim", "n_rows"))
    if isinstance(header.get(name), int):
        header[name] += rng.choice((-1, 1, 2, 16, -16, header[name]))


def unit_replaced(header: Header, sections: list[Section], rng: random.Random) -> None:
    header["unit"] = rng.choice((1e-323, 5e-324, 1e308, 1e-45, 3.5e38, -1.0, 0, 10**400, float("nan"), float("inf")))


def other_metric(header: Header, sections: list[Section], rng: random.Random) -> None:
    header["metric"] = rng.choice(("cosine", "euclidean", "dot", "manhattan", "hamming", "COSINE", ""))


def section_garbled(header: Header, sections: list[Section], rng: random.Random) -> None:
    for section in rng.sample(sections, min(len(sections), rng.choice((1, 1, 3)))):
        section["data"] = garbage(section["dtype"], section["data"], rng)


def section_resized(header: Header, sections: list[Section], rng: random.Random) -> None:
    section = rng.choice(sections)
    if section["shape"]:
        axis = rng.randrange(len(section["shape"]))
        section["shape"][axis] = max(0, section["shape"][axis] + rng.choice((-1, 1, 16, -section["shape"][axis])))
        _fit(section)


def section_recast(header: Header, sections: list[Section], rng: random.Random) -> None:
    section = rng.choice(sections)
    section["dtype"] = rng.choice(list(store.DTYPES))
    if rng.random() < 0.5:
        section["shape"] = rng.choice(
            ([], [0], [1] * 8, [len(section["data"])], [0] + [4096] * 7, [*section["shape"], 1])
        )
    _fit(section)


def section_renamed(header: Header, sections: list[Section], rng: random.Random) -> None:
    rng.choice(sections)["name"] = rng.choice(
        (rng.choice(sections)["name"], "", "\ud800", "keys.data", "encoder.state.", "x" * 999)
    )


def section_dropped(header: Header, sections: list[Section], rng: random.Random) -> None:
    if len(sections) > 1:
        sections.remove(rng.choice(sections))


def section_repeated(header: Header, sections: list[Section], rng: random.Random) -> None:
    copied = dict(rng.choice(sections), name=rng.choice((rng.choice(sections)["name"], "another", "keys.slots")))
    sections.insert(rng.randrange(len(sections) + 1), {**copied, "shape": list(copied["shape"])})


def sections_swapped(header: Header, sections: list[Section], rng: random.Random) -> None:
    a, b = (rng.choice(sections) for _ in range(2))
    what = rng.choice(("name", "data", "shape", "dtype"))
    a[what], b[what] = b[what], a[what]
    _fit(a)
    _fit(b)


def whole_index_reshaped(header: Header, sections: list[Section], rng: random.Random) -> None:
    """Another dim or n_rows, with every section made to fit: a file that is sound in all but its numbers."""
    header["dim"] = rng.choice((1, 2, 5, 31, 64, 257))
    header["n_rows"] = rng.choice((0, 1, 15, 16, 17, 90))
    header["metric"] = rng.choice(list(METRICS))
    by_name = {section["name"]: section for section in sections}
    for name, (dtype, shape) in layout(METRICS[header["metric"]], header["dim"], header["n_rows"]).items():
        section = by_name.get(name) or {"name": name, "data": rng.randbytes(64)}
        section.update(dtype=dtype.name, shape=list(shape))
        _fit(section, rng)
        if name not in by_name:
            sections.append(section)
    for name in ("keys.offsets", "texts.offsets"):
        if name in by_name:
            by_name[name]["shape"] = [header["n_rows"] + 1]
            _fit(by_name[name], rng)
    if "encoder.probes" in by_name:
        by_name["encoder.probes"]["shape"] = [3, header["dim"]]
        _fit(by_name["encoder.probes"], rng)


KNOWING: list[Callable[[Header, list[Section], random.Random], None]] = [
    number_replaced, number_nudged, unit_replaced, other_metric, section_garbled, section_garbled, section_garbled,
    section_resized, section_recast, section_renamed, section_dropped, section_repeated, sections_swapped,
    whole_index_reshaped, whole_index_reshaped,
]  # fmt: skip


def strange(rng: random.Random) -> Any:
    """A value that has no business in a header."""
    deep: Any = 1
    if rng.random() < 0.2:
        for _ in range(rng.choice((5, 100, 900, 980, 5000))):
            deep = [deep] if rng.random() < 0.5 else {"a": deep}
        return deep
    return rng.choice((
        None, True, False, -1, 0, 1, 7, 2**31, 2**32 - 1, 2**32, 2**63, 2**64, 10**30, 10**400, -(2**63), 1.5,
        -0.0, 1e308, float("nan"), float("inf"), "", "cosine", "hamming", "\0", "\ud800", "x" * 9_999, [], {}, {"a": 1},
    ))  # fmt: skip


def garbage(dtype: str, data: bytes, rng: random.Random) -> bytes:
    """As many bytes, of the kind that hurts this dtype most."""
    width = store.DTYPES[dtype].itemsize
    n = len(data) // width
    if rng.random() < 0.3 or n == 0:
        return rng.randbytes(len(data))
    if dtype.startswith("float"):
        bad = rng.choice((float("nan"), float("inf"), float("-inf"), 3e38, -3e38, 1e-45, 0.0, -1.0))
        values = np.frombuffer(data, store.DTYPES[dtype]).copy()
        values[[rng.randrange(n) for _ in range(rng.choice((1, 3, n)))]] = bad
        return values.tobytes()
    if dtype == "uint8":
        return rng.choice((b"\xff" * len(data), bytes(len(data)), b"\x80" * len(data), data[::-1]))
    values = np.frombuffer(data, store.DTYPES[dtype]).copy()
    most = int(np.iinfo(values.dtype).max)
    at = [rng.randrange(n) for _ in range(rng.choice((1, 3, n)))]
    values[at] = rng.choice((0, 1, most, most - 1, most // 2, most // 2 + 1, n, len(data)))
    return rng.choice((values, values[::-1], np.roll(values, 1))).tobytes()


def parts(sound: bytes) -> tuple[Header, list[Section]]:
    """The header without its table, and the sections with their bytes."""
    length = store.PREAMBLE.unpack_from(sound)[4]
    end = store.PREAMBLE.size + length
    header = json.loads(sound[store.PREAMBLE.size : end])
    base = -(-end // store.ALIGNMENT) * store.ALIGNMENT
    sections = []
    for entry in header.pop("sections"):
        n_bytes = int(np.prod(entry["shape"])) * store.DTYPES[entry["dtype"]].itemsize
        at = base + entry["offset"]
        sections.append({**{k: entry[k] for k in ("name", "dtype", "shape")}, "data": sound[at : at + n_bytes]})
    return header, sections


def assembled(header: Header, sections: list[Section], edit: random.Random | None = None) -> bytes:
    """A file with right checksums throughout; ``edit`` puts nonsense into the table first, or into the raw JSON."""
    table, body = [], b""
    for section in sections:
        body += bytes(-len(body) % store.ALIGNMENT)
        table.append({"name": section["name"], "dtype": section["dtype"], "shape": section["shape"],
                      "offset": len(body), "crc32c": _crc(section["data"])})  # fmt: skip
        body += section["data"]
    whole: Any = {**header, "sections": table}
    if edit is not None:
        entry: Any = edit.choice(table)
        field = edit.choice(list(entry))
        if field == "shape" and entry["shape"] and edit.random() < 0.7:
            entry["shape"][edit.randrange(len(entry["shape"]))] = strange(edit)
        else:
            entry[field] = strange(edit)
        whole = edit.choice(
            (whole, whole, whole, whole, whole, [whole], {**header}, {**header, "sections": strange(edit)})
        )
    text = _nested_json(whole).encode("utf-8", "surrogatepass")
    if edit is not None and edit.random() < 0.1:
        text = edit.choice((text.replace(b":", b"::"), text[:-1], b'{"dim":1,' + text[1:], text + b" ", text.decode(
            "utf-8", "replace").encode("utf-16"), b"\xff" + text, b"[" * 100_000, b"1" * 5000))  # fmt: skip
    end = store.PREAMBLE.size + len(text)
    padding = bytes(-end % store.ALIGNMENT)
    length = end + len(padding) + len(body)
    claimed = length, len(text)
    if edit is not None and edit.random() < 0.1:
        claimed = edit.choice(
            ((length + 1, len(text)), (length, 2**63), (length, length), (0, 0), (2**64 - 1, len(text)))
        )
    start = store.PREAMBLE.pack(store.MAGIC, store.MAJOR, store.MINOR, *claimed, _crc(text), 0)[:-4]
    return start + struct.pack("<I", _crc(start)) + text + padding + body


def _nested_json(value: Any) -> str:
    """json.dumps, also of values that are nested deeper than it dares to go."""
    try:
        return json.dumps(value, ensure_ascii=random.Random(len(value)).random() < 0.5, sort_keys=True)
    except RecursionError:
        return '{"kind":' * 5000 + "1" + "}" * 5000


def _fit(section: Section, rng: random.Random | None = None) -> None:
    """Makes the bytes as many as dtype and shape say."""
    wanted = int(np.prod([float(n) for n in section["shape"]])) * store.DTYPES[section["dtype"]].itemsize
    if wanted <= 1 << 20:
        fill = rng.randbytes(wanted) if rng else bytes(wanted)
        section["data"] = (section["data"] + fill)[:wanted]


def _crc(data: bytes) -> int:
    return _core.crc32c(np.frombuffer(data, dtype=np.uint8), 0)
