"""ICE: texts of the International Corpus of English from four regions, chosen as in arXiv 2211.09110.

The corpora may not be passed on: whoever wants to use them asks the ICE project for them and unpacks their
archives into the scenario's folder of the cache. Markup is taken out as the corpus's manual explains it, but
for the marks of speakers (``<$A>``); upstream differs in rare tags (it drops the content of ``<w>``). Spoken
and written texts are both read. Where headers tell that all who speak or write are of one gender (India, USA;
those of Hong Kong are spreadsheets, which are not read), ``extra`` holds it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from longwave.errors import MissingFile
from longwave.scenarios.base import Instance, Official, PromptFormat, Scenario
from longwave.scenarios.official import load_official

__all__ = ["SCENARIO", "clean_markup"]

HOME = "https://www.ice-corpora.uzh.ch/en.html"


@dataclass(frozen=True, kw_only=True)
class _Region:
    """Where the texts of a region lie in its unpacked archive; the case of folder names differs."""

    group: str
    folder: str
    texts: str
    headers: str | None = None


REGIONS = (
    _Region(group="ea", folder="ICE-EA", texts="corpus/retagged for wsmith/all east africa"),
    _Region(group="hk", folder="ICE-HK", texts="Corpus"),
    _Region(group="ind", folder="ICE India", texts="Corpus", headers="Headers"),
    _Region(group="usa", folder="ICE-USA", texts="Corpus", headers="Headers"),
)
# files of East Africa hold many texts, each after its code, and words in capitals for brackets
EAST_AFRICA_CODE = re.compile(r"[WS]\d[A-F]\d{3}[A-Z]*[KT]\r?\n")
EAST_AFRICA_MARK = re.compile(r"(?:BBB\S+ \S+RRR|(?:BBB|RRR|III)\S+|UUU) *")

# what is commented on, crossed out, unreadable or broken off
DROPPED = re.compile(r"<(O|-|&|\.|fnr|marginalia|del)>(?:(?!<\1>).)*?</\1>", re.DOTALL)
CODE = re.compile(r"[WS]\d[A-F]-\d{3} *")  # of a text
PAUSE = re.compile(r" ?<,+>")
TAG = re.compile(r"</?(?!\$)[^\s<>][^<>\n]*>")
BLANK_LINES = re.compile(r"\s*\n\s*\n\s*")
ENTITIES = {
    "&ersand;": "&",
    "&obrack;": "(",
    "&cbrack;": ")",
    "&percent;": "%",
    "&hash;": "#",
    "&dash;": "-",
    "&atsign;": "@",
}
GENDER = re.compile(r"<gender>\s*(\w+)\s*</gender>", re.IGNORECASE)
GENDERS = {"m": "male", "male": "male", "f": "female", "female": "female"}


def clean_markup(text: str) -> str:
    """Take the markup of ICE out of a text, but for the marks of speakers.

    Examples
    --------
    >>> clean_markup("<ICE-X:S1A-001#1:1:A> <$A> I <-> thinks </-> think <,> yes <O> laughs </O>")
    '<$A> I  think, yes'
    """
    before = None
    while text != before:  # comments may hold comments
        before, text = text, DROPPED.sub("", text)
    text = TAG.sub("", PAUSE.sub(",", text))
    text = EAST_AFRICA_MARK.sub("", CODE.sub("", text))
    for name, character in ENTITIES.items():
        text = text.replace(name, character)
    return BLANK_LINES.sub("\n\n", html.unescape(text)).strip()


def _load() -> list[Instance]:
    return load_official(SCENARIO)


def _parse(folder: Path) -> list[Instance]:
    return [instance for region in REGIONS for instance in _region(folder, region)]


def _region(folder: Path, region: _Region) -> Iterator[Instance]:
    root = folder / region.folder
    texts = _find(root, region.texts)
    if texts is None:
        raise MissingFile(
            f'There is no folder "{root / region.texts}". The corpus may not be passed on: ask for it at '
            f'{HOME} and unpack the archive into "{folder}", so that "{region.folder}" lies in it.'
        )
    headers = _find(root, region.headers) if region.headers else None
    genders = {} if headers is None else dict(_genders(headers))
    for path in sorted(item for item in texts.iterdir() if item.is_file()):
        parts = [part for part in EAST_AFRICA_CODE.split(_read(path)) if part]
        for index, part in enumerate(parts):
            text = clean_markup(part)
            if text:
                yield Instance(
                    id=f"ice-test-{region.group}-{path.stem}" + (f"-{index:03d}" if len(parts) > 1 else ""),
                    input=text,
                    references=(),
                    split="test",
                    group=region.group,
                    extra={"file": path.name, **_gender(genders, path)},
                )


def _find(root: Path, name: str) -> Path | None:
    """Return a folder below another, whatever the case of its name."""
    for part in name.split("/"):
        if not root.is_dir():
            return None
        root = next(
            (item for item in sorted(root.iterdir()) if item.name.lower() == part.lower()), root / part
        )
    return root if root.is_dir() else None


def _read(path: Path) -> str:
    """Read a text in UTF-8, or else in the Latin-1 that older corpora are in."""
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _genders(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the names of texts whose header gives one gender alone."""
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.suffix.lower() == ".hdr":
            found = {GENDERS.get(gender.lower()) for gender in GENDER.findall(_read(path))}
            gender = found.pop() if len(found) == 1 else None
            if gender is not None:
                yield path.stem.lower(), gender


def _gender(genders: dict[str, str], path: Path) -> dict[str, str]:
    """Return the gender of a text; a text may be the first or second part of what the header names."""
    name = path.stem.lower()
    found = next((genders[header] for header in sorted(genders) if name.startswith(header)), None)
    return {} if found is None else {"gender": found}


SCENARIO = Scenario(
    name="ice",
    version=1,
    description="Predict English of East Africa, Hong Kong, India and the USA",
    task="language modeling",
    what="conversations, speeches, broadcasts, letters, essays, news, fiction",
    who="adults who went to school in English, of four regions",
    when="1990s to 2000s",
    language="English of East Africa, Hong Kong, India and the USA",
    source=HOME,
    licence="of the ICE project; ask for it",
    prompt=PromptFormat(method="language_modeling", max_train_instances=0, max_tokens=0),
    main_metric="bits_per_byte",
    eval_splits=("test",),
    load=_load,
    is_offline=False,
    category="language",
    official=Official(
        files=(),  # nothing that could be fetched: the reader looks for the unpacked archives
        parse=_parse,
        notice=f"The corpora may not be passed on; ask for them at {HOME}.",
    ),
)
