"""Mutations of inputs, from bit flips to edits that keep the checksums of a format valid.

A mutation takes the bytes of an input and a random generator and returns the damaged bytes.
"""

import io
import json
import random
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import yaml

Random = random.Random
Mutation = Callable[[bytes, Random], bytes]

NUMBERS = (  # values at the limits of common integer types
    0,
    1,
    2,
    7,
    8,
    127,
    128,
    255,
    256,
    257,
    32767,
    32768,
    65535,
    65536,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**63 - 1,
    2**63,
    2**64 - 1,
)

YAML_TOKENS = (
    *(b"!!python/object/apply:os.system ['true']", b"!!binary aGk=", b"! x", b"!<tag:x> 1", b"&a ", b"*a", b"<<: "),
    *(b"? ", b"- ", b": ", b"|\n  ", b">-\n  ", b"---\n", b"...\n", b"%YAML 1.1\n", b"%TAG ! x:\n", b"# "),
    *(b"[", b"]", b"{", b"}", b",", b"'", b'"', b"\t", b"\n", b"\r", b"=", b"@", b"`", b"\\"),
    *(b'"\\UFFFFFFFF"', b'"\\ud800"', b'"\\0"', b"\xef\xbb\xbf", b"\xff\xfe", b"\x00", b"\x85", b"\xed\xa0\x80"),
    *(b"null", b"~", b"yes", b".nan", b".inf", b"-.inf", b"1e999", b"0x7fffffff", b"0o17", b"1:30:00", b"2001-02-31"),
    *(b"9" * 5000, b"[" * 50, b"{a: " * 50, b"- " * 50, b"  " * 50, b"x" * 2000),
)
JSON_TOKENS = (
    *(b"{", b"}", b"[", b"]", b",", b":", b'"', b"null", b"true", b"NaN", b"Infinity", b"-0", b"1e999", b"1E-999"),
    *(b'"\\ud800"', b'"\\u0000"', b"\\", b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"//", b"'"),
    *(b"9" * 5000, b"[" * 3000, b'{"a":' * 300),
)
LIST_TOKENS = (
    *(b"*", b"?", b"[", b"[!", b"[]", b"]", b"/", b"..", b"../", b"#", b" ", b"\t", b"\r", b"\x00", b"\xff", b"\x0c"),
    *(b"\x85", b"*" * 60, b"[" * 60, b"(a+)+$", b"~", b"~root/"),
)
IMAGE_TOKENS = (
    *(b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"GIF89a", b"BM", b"RIFF", b"WEBP", b"P6\n", b"P3\n"),
    *(b"\xff" * 4, b"\0" * 4, b"IEND", b"IDAT", b"Exif\0\0"),
)


_STRANGE_NUMBERS = (
    *(b"0", b"-1", b"1", b"0.5", b"-1e-9", b"1e999", b"nan", b"", b"255", b"256", b"65536", b"2147483648"),
    *(b"-9223372036854775809", b"9" * 400),
)


def tokens(words: Sequence[bytes]) -> Mutation:
    """Return a mutation that inserts one of the tokens at a random place, or overwrites a few bytes with it."""

    def insert(data: bytes, rng: Random) -> bytes:
        at = rng.randint(0, len(data))
        return data[:at] + rng.choice(words) + data[at + rng.choice((0, 0, 1, 4, 16)) :]

    return insert


def flip(data: bytes, rng: Random) -> bytes:
    """Flip 1 to 64 random bits."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        if out:
            out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def overwrite(data: bytes, rng: Random) -> bytes:
    """Overwrite a random place with one of NUMBERS, in either byte order."""
    width, order = rng.choice("BHIQ"), rng.choice("<>")
    number = struct.pack(order + width, rng.choice(NUMBERS) % 256 ** struct.calcsize(width))
    at = rng.randint(0, max(0, len(data) - len(number)))
    return data[:at] + number + data[at + len(number) :]


def cut(data: bytes, rng: Random) -> bytes:
    """Remove the end, or a part in the middle."""
    first, last = sorted(rng.randint(0, len(data)) for _ in range(2))
    return data[:first] if rng.random() < 0.5 else data[:first] + data[last:]


def repeat(data: bytes, rng: Random) -> bytes:
    """Repeat a random part, of at most 4096 bytes, 2 to 21 times."""
    first, last = sorted(rng.randint(0, len(data)) for _ in range(2))
    last = min(last, first + 4096)
    return data[:last] + data[first:last] * rng.choice((1, 1, 2, 20)) + data[last:]


def move(data: bytes, rng: Random) -> bytes:
    """Move a random part to another place."""
    first, last = sorted(rng.randint(0, len(data)) for _ in range(2))
    rest = data[:first] + data[last:]
    at = rng.randint(0, len(rest))
    return rest[:at] + data[first:last] + rest[at:]


ANY: tuple[Mutation, ...] = (flip, flip, overwrite, overwrite, cut, repeat, move)


def png_chunks(data: bytes, rng: Random) -> bytes:
    """Change, remove, repeat, rename or move a PNG chunk; lengths and CRCs are valid again afterwards."""
    chunks, at = [], 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    if not chunks:
        return flip(data, rng)
    which = rng.randrange(len(chunks))
    name, content = chunks[which]
    match rng.randrange(8):
        case 0:
            del chunks[which]
        case 1:
            chunks.insert(rng.randint(0, len(chunks)), chunks[which])
        case 2:
            chunks.insert(rng.randrange(len(chunks)), chunks.pop(which))
        case 3:
            chunks[which] = (
                rng.choice((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"eXIf", b"iCCP", b"zTXt", b"fdAT", b"acTL", b"sBIT")),
                content,
            )
        case 4:  # width, height, bits, color type, compression, filter, interlace
            header = list(struct.unpack(">IIBBBBB", chunks[0][1])) if len(chunks[0][1]) == 13 else [1, 1, 8, 2, 0, 0, 0]
            field = rng.randrange(7)
            header[field] = (
                rng.choice(NUMBERS) % 2**32 if field < 2 else rng.choice((0, 1, 2, 3, 4, 5, 6, 7, 8, 16, 255))
            )
            chunks[0] = (b"IHDR", struct.pack(">IIBBBBB", *header))
        case 5 if name in (b"IDAT", b"zTXt", b"iCCP"):
            chunks[which] = (name, recompressed(content, rng))
        case _:
            chunks[which] = (name, rng.choice(ANY)(content, rng))
    body = b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )
    return data[:8] + body


def recompressed(content: bytes, rng: Random) -> bytes:
    """Change the content of a zlib stream, or replace it by a very long one."""
    start = content.find(b"\x78")
    try:
        raw = zlib.decompress(content[start:])
    except zlib.error:
        return flip(content, rng)
    raw = bytes(10_000_000) if rng.random() < 0.05 else rng.choice(ANY)(raw, rng)
    return content[:start] + zlib.compress(raw)


def jpeg_segments(data: bytes, rng: Random) -> bytes:
    """Remove, repeat or change a JPEG segment, change its length, or change the size in the frame header."""
    marks = [
        at
        for at in range(len(data) - 4)
        if data[at] == 0xFF and data[at + 1] not in (0, 0xFF) and not 0xD0 <= data[at + 1] <= 0xD9
    ]
    if not marks:
        return flip(data, rng)
    at = rng.choice(marks)
    (length,) = struct.unpack_from(">H", data, at + 2)
    segment = data[at : at + 2 + length]
    match rng.randrange(5):
        case 0:
            return data[:at] + data[at + 2 + length :]
        case 1:
            return data[:at] + segment + data[at:]
        case 2:
            return data[: at + 2] + struct.pack(">H", rng.choice(NUMBERS) % 65536) + data[at + 4 :]
        case 3:
            frames = [mark for mark in marks if data[mark + 1] in (0xC0, 0xC1, 0xC2)]
            mark = frames[0] if frames else at
            return (
                data[: mark + 5]
                + struct.pack(">HH", *(rng.choice(NUMBERS) % 65536 for _ in range(2)))
                + data[mark + 9 :]
            )
        case _:
            return data[: at + 4] + rng.choice(ANY)(segment[4:], rng) + data[at + 2 + length :]


def tiff_fields(data: bytes, rng: Random) -> bytes:
    """Change tag, type, count or value of a field in the first TIFF directory."""
    order = "<" if data[:2] == b"II" else ">"
    if len(data) < 16 or data[2:3] + data[3:4] not in (b"*\0", b"\0*"):
        return overwrite(data, rng)
    (directory,) = struct.unpack_from(order + "I", data, 4)
    if directory + 2 > len(data):
        return overwrite(data, rng)
    (count,) = struct.unpack_from(order + "H", data, directory)
    at = directory + 2 + 12 * rng.randrange(max(1, min(count, 64)))
    where, width = rng.choice(((0, "H"), (2, "H"), (4, "I"), (8, "I"), (8, "H")))
    value = rng.choice(
        (256, 257, 258, 259, 262, 273, 277, 278, 279, 320, 322, 323, 324, 325, 338, 339, 34665, *NUMBERS)
    )
    number = struct.pack(order + width, value % 256 ** struct.calcsize(width))
    return data[: at + where] + number + data[at + where + len(number) :]


def zip_members(data: bytes, rng: Random, mutate_member: Mutation = flip) -> bytes:
    """Change, remove, repeat or rename a ZIP member, or give it the attributes of a link; checksums are valid again."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [(info, archive.read(info)) for info in archive.infolist()]
    except Exception:  # damaged by a mutation before
        return flip(data, rng)
    if not members:
        return flip(data, rng)
    which = rng.randrange(len(members))
    info, content = members[which]
    changed = zipfile.ZipInfo(info.filename)
    changed.compress_type, changed.external_attr = info.compress_type, info.external_attr
    match rng.randrange(8):
        case 0:
            del members[which]
        case 1:
            members.append((changed, content))
        case 2:
            changed.filename = rng.choice(("../", "/", "C:\\", "..\\", "a\x01", "é", "")) + info.filename
            members[which] = (changed, content)
        case 3:
            changed.external_attr = rng.choice((0o120777, 0o010666, 0o040755, 0o100644)) << 16
            changed.create_system = 3
            members[which] = (changed, content)
        case 4:
            members[which] = (changed, bytes(rng.choice((0, 1, 1000, 20_000_000))))
        case _:
            members[which] = (changed, mutate_member(content, rng))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for member, content in members:
            archive.writestr(member, content, compress_type=member.compress_type)
    return out.getvalue()


def npy_member(data: bytes, rng: Random) -> bytes:
    """Change shape, dtype or order in the header of a .npy file, or damage it like any file."""
    if not data.startswith(b"\x93NUMPY") or rng.random() < 0.3:
        return rng.choice(ANY)(data, rng)
    if len(data) < 10:  # an earlier mutation left no header
        return data
    (length,) = struct.unpack_from("<H", data, 8)
    header, body = data[10 : 10 + length].decode("latin1"), data[10 + length :]
    kind = rng.choice(
        ("<i8", "<i4", ">i8", "<f8", "|O", "<U3", "<U99999", "|b1", "<M8[s]", "|V8", "<c16", "|S0", "[('a', '<i8')]")
    )
    shape = rng.choice(
        (
            "()",
            "(0,)",
            "(3,)",
            "(3, 4)",
            "(3, 4, 4)",
            "(1000000, 1000000)",
            "(99999999999999999999,)",
            "(-1,)",
            "(2, 3, 3.0)",
            "x",
        )
    )
    match rng.randrange(4):
        case 0:
            header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
        case 1:
            header = header.replace("'shape': (", f"'shape': {shape}, 'x': (")
        case 2:
            header = header.replace("False", rng.choice(("True", "None", "__import__('os')", "1")))
        case _:
            header = flip(header.encode("latin1"), rng).decode("latin1")
    text = header.encode("latin1") + b"\n"
    return data[:8] + struct.pack("<H", len(text) % 65536) + text + body


def json_values(data: bytes, rng: Random) -> bytes:
    """Change a value, remove a key or repeat a key somewhere in a JSON text."""
    try:
        return json.dumps(other_value(json.loads(data), rng)).encode()
    except (ValueError, RecursionError):
        return flip(data, rng)


def yaml_values(data: bytes, rng: Random) -> bytes:
    """Change a value, remove a key or repeat a key somewhere in a YAML text."""
    try:
        value = other_value(yaml.safe_load(data), rng)
        return yaml.safe_dump(value, allow_unicode=rng.random() < 0.5, default_flow_style=rng.random() < 0.5).encode()
    except Exception:  # an earlier mutation left no valid YAML; PyYAML raises many kinds of exceptions
        return flip(data, rng)


def other_value(value: Any, rng: Random) -> Any:
    """Return nested dicts and lists with one random change, made in place."""
    container, key = value, None
    while isinstance(container, (dict, list)) and container:
        key = rng.choice(list(container) if isinstance(container, dict) else range(len(container)))
        if not isinstance(container[key], (dict, list)) or not container[key] or rng.random() < 0.4:
            break
        container = container[key]
    if key is None:
        raise ValueError("nothing to change")
    match rng.randrange(4):
        case 0:
            del container[key]
        case 1 if isinstance(container, dict):
            container[rng.choice(("", "x", "encoder", "size", "__proto__", "é" * 300))] = container[key]
        case 1:
            container.append(container[key])
        case _:
            container[key] = rng.choice(strange_values(container[key]))
    return value


def strange_values(value: object) -> list[Any]:
    """Return values that may replace `value`: other types, extreme numbers, odd texts, and containers."""
    return [
        *(None, True, False, 0, -1, 1, 255, 256, 4096, 2**31, 2**64, -(2**64), 0.5, 1e308, float("nan"), float("inf")),
        *(
            "",
            "x",
            "resnet18",
            "vit_tiny_patch16_224",
            "hf-hub:a/b",
            "../..",
            "\0",
            "\ud800",
            "a" * 5000,
            "F16",
            "BOOL",
            "F8_E4M3",
        ),
        *([], [value], [[value]], {}, {"x": value}, [0] * 5, [1] * 300, [value] * 3, [0, 10**12]),
    ]


def safetensors_header(data: bytes, rng: Random) -> bytes:
    """Change the JSON header of a safetensors file with a valid length, or only the length."""
    if len(data) < 8:
        return flip(data, rng)
    (length,) = struct.unpack_from("<Q", data)
    header, body = data[8 : 8 + length], data[8 + length :]
    if rng.random() < 0.15:
        return struct.pack("<Q", rng.choice((*NUMBERS, length + 1, length - 1, len(data)))) + data[8:]
    changed = json_values(header, rng) if rng.random() < 0.7 else rng.choice((*ANY, tokens(JSON_TOKENS)))(header, rng)
    return struct.pack("<Q", len(changed)) + changed + body


def floats(data: bytes, rng: Random) -> bytes:
    """Write an infinity, NaN, denormal or the largest float32 over four bytes in the second half of the file."""
    number = rng.choice((b"\0\0\x80\x7f", b"\0\0\xc0\x7f", b"\xff\xff\xff\xff", b"\1\0\0\0", b"\xff\xff\x7f\x7f"))
    at = rng.randrange(len(data) // 2, len(data) - 4) if len(data) > 16 else 0
    return data[:at] + number + data[at + 4 :]


def numbers(data: bytes, rng: Random) -> bytes:
    """Put a strange number in the place of a number of a text."""
    found = list(re.finditer(rb"-?\d+(?:\.\d+)?", data))
    if not found:
        return flip(data, rng)
    start, end = rng.choice(found).span()
    return data[:start] + rng.choice(_STRANGE_NUMBERS) + data[end:]


def lines(data: bytes, rng: Random) -> bytes:
    """Remove, repeat, indent or unindent a line."""
    text_lines = data.split(b"\n")
    which = rng.randrange(len(text_lines))
    match rng.randrange(4):
        case 0:
            del text_lines[which]
        case 1:
            text_lines.insert(rng.randint(0, len(text_lines)), text_lines[which])
        case 2:
            text_lines[which] = b" " * rng.choice((1, 2, 40)) + text_lines[which]
        case _:
            text_lines[which] = text_lines[which].lstrip()
    return b"\n".join(text_lines)


def mutated(data: bytes, others: Sequence[bytes], ways: Sequence[Mutation], rng: Random) -> bytes:
    """Return an input after one to four mutations; one in twenty is then spliced with one of `others`."""
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
        data = rng.choice(ways)(data, rng)
    if rng.random() < 0.05:
        other = rng.choice(others)
        data = data[: rng.randint(0, len(data))] + other[rng.randint(0, len(other)) :]
    return data


def tar_headers(data: bytes, rng: Random) -> bytes:
    """Change a field of a header of a tar file; its checksum is valid again."""
    starts = [at for at in range(0, len(data) - 511, 512) if data[at + 257 : at + 262] == b"ustar"]
    if not starts:
        return flip(data, rng)
    start, changed = rng.choice(starts), bytearray(data)
    match rng.randrange(4):
        case 0:  # the name
            changed[start : start + 10] = rng.choice((b"../../a", b"/etc/a", b"./a", b"\xff\xfe", b"")).ljust(10, b"a")
        case 1:  # the size, in octal or as a signed binary number
            size = rng.choice(
                (b"77777777777\0", b"00000000000\0", b"-0000000001\0", b"\xff" * 12, b"\x80" + b"\x7f" * 11)
            )
            changed[start + 124 : start + 136] = size
        case 2:  # the kind: links, devices, folders, long names, sparse files, extended headers
            changed[start + 156] = rng.choice(b"123456LKSxg7V")
        case _:
            at = start + rng.randrange(257)
            changed[at] = rng.randrange(256)
    header = changed[start : start + 148] + b" " * 8 + changed[start + 156 : start + 512]
    changed[start + 148 : start + 156] = b"%06o\0 " % sum(header)
    return bytes(changed)
