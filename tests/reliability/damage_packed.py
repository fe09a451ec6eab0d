"""Damage of archives and packed files: their members, names, kinds and heads; links, bombs, ways out."""

from __future__ import annotations

import gzip
import io
import random
import tarfile
import zipfile

from damage_text import BOMB, NAMES, Damage

# compression and archives


def gzip_inside(inside: Damage, data: bytes, rng: random.Random) -> bytes:
    if rng.random() < 0.1:
        return gzip.compress(rng.choice((b"\0", b"[", b"x\n", b'{"a":')) * (BOMB // 4), compresslevel=1)
    return gzip.compress(inside(gzip.decompress(data), rng), compresslevel=1)


def zip_members(inside: Damage, data: bytes, rng: random.Random) -> bytes:
    """Change a member, its name, its kind or its compression; or add one."""
    with zipfile.ZipFile(io.BytesIO(data)) as source:
        members = [(info, source.read(info)) for info in source.infolist()]
    place = rng.randrange(len(members))
    how = rng.choice(
        (
            "content",
            "content",
            "content",
            "content",
            "name",
            "link",
            "twice",
            "drop",
            "stored",
            "bomb",
            "none",
        )
    )
    info, content = members[place]
    if how == "content":
        members[place] = info, inside(content, rng)
    elif how == "name":
        info.filename = rng.choice([name for name in NAMES if "\0" not in name])
    elif how == "link":
        info.external_attr = 0o120777 << 16
        members[place] = info, b"/etc/passwd"
    elif how == "twice":
        members.append(rng.choice(members))
    elif how == "drop":
        del members[place]
    elif how == "bomb":
        members[place] = info, b"\0" * BOMB
    elif how == "none":
        members = []
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as target:
        for info, content in members:
            kind = (
                zipfile.ZIP_STORED
                if how == "stored"
                else rng.choice(
                    (zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2)
                )
            )
            target.writestr(info, content, compress_type=kind, compresslevel=1)
    return out.getvalue()


def zip_header(data: bytes, rng: random.Random) -> bytes:
    """Change a field of a header: flags, compression, checksum, sizes, offsets."""
    found = bytearray(data)
    mark = rng.choice((b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"))
    starts = [place for place in range(len(data) - 4) if data[place : place + 4] == mark]
    start = rng.choice(starts)
    place = start + 4 + rng.randrange(42)
    found[place : place + 2] = rng.choice((b"\0\0", b"\xff\xff", b"\1\0", b"\x5d\0", b"\x0e\0", b"\x08\x08"))
    return bytes(found)


def tar_members(inside: Damage, data: bytes, rng: random.Random) -> bytes:
    members: list[tuple[tarfile.TarInfo, bytes]] = []
    with tarfile.open(fileobj=io.BytesIO(data)) as source:
        for info in source:
            file = source.extractfile(info)
            members.append((info, b"" if file is None else file.read()))
    place = rng.randrange(len(members))
    info, content = members[place]
    how = rng.choice(
        ("content", "content", "content", "name", "kind", "twice", "drop", "size", "through", "long")
    )
    if how == "content":
        members[place] = info, inside(content, rng)
    elif how == "name":
        info.name = rng.choice(NAMES)
    elif how == "kind":
        info.type = rng.choice(
            (
                tarfile.SYMTYPE,
                tarfile.LNKTYPE,
                tarfile.CHRTYPE,
                tarfile.FIFOTYPE,
                tarfile.DIRTYPE,
                tarfile.GNUTYPE_SPARSE,
                tarfile.CONTTYPE,
            )
        )
        info.linkname = rng.choice(("../../escaped", "/etc/passwd", info.name, ""))
        members[place] = info, b""
    elif how == "twice":
        members.append(members[place])
    elif how == "drop":
        del members[place]
    elif how == "through":  # a link to elsewhere, then a file behind it
        link = tarfile.TarInfo("way")
        link.type, link.linkname = tarfile.SYMTYPE, ".."
        behind = tarfile.TarInfo("way/escaped.txt")
        members += [(link, b""), (behind, b"x")]
    elif how == "long":
        info.pax_headers = {
            rng.choice(("path", "size", "mtime", "GNU.sparse.map", "GNU.sparse.size", "uid")): rng.choice(
                ("-1", "x", "9" * 30, "../x", "1,2,3", "")
            )
        }
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as target:
        for info, content in members:
            info.size = rng.choice((2**40, 10**9, 0)) if how == "size" else len(content)
            target.addfile(info, io.BytesIO(content.ljust(1)[: len(content)]) if how != "size" else None)
            if how == "size":
                out.write(content)
    return out.getvalue()
