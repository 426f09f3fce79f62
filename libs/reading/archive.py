"""Office files as the zip archives of XML that they are, opened so that none of it can grow without bound."""

import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from importlib import import_module
from typing import Any, BinaryIO

from .media_types import OLE
from .outcome import Unreadable

_MOST_PARTS = 20_000
_MOST_XML_BYTES = 256 * 2**20
_PROLOG_BYTES = 64 * 1024
_XML = (".xml", ".rels", ".vml")
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_RELATIONSHIPS = "http://schemas.openxmlformats.org/package/2006/relationships"
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError, UnicodeDecodeError, ValueError)


class Archive:
    """An office file.

    Raises:
        Unreadable: `encrypted`, `broken`, `too_complex` (its parts would be larger than any real ones), or
            `unsupported_type` where it is an office file of the time before.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        head = file.read(len(OLE))
        file.seek(0)
        if head == OLE:
            raise _ole_refusal(file)
        try:
            self._zip = zipfile.ZipFile(file)
        except _DAMAGED:
            raise Unreadable("broken") from None
        parts = self._zip.infolist()
        if any(part.flag_bits & 1 for part in parts):
            raise Unreadable("encrypted")
        declared = sum(part.file_size for part in parts if part.filename.lower().endswith(_XML))
        if len(parts) > _MOST_PARTS or declared > _MOST_XML_BYTES:
            raise Unreadable("too_complex")
        self._names = {part.filename.lower(): part.filename for part in parts}

    def __contains__(self, name: str) -> bool:
        return name.lower().lstrip("/") in self._names

    @property
    def names(self) -> list[str]:
        """The parts' names."""
        return list(self._names.values())

    def chunks(self, name: str, size: int = 2**20) -> Iterator[bytes]:
        """Give a part piece by piece."""
        try:
            with self._zip.open(self._names[name.lower().lstrip("/")]) as part:
                while piece := part.read(size):
                    yield piece
        except _DAMAGED:
            raise Unreadable("broken") from None

    def xml(self, name: str) -> Any:
        """Give the root of a part's tree (an lxml element); a part that declares entities is refused."""
        lxml: Any = import_module("lxml.etree")  # untyped, and only for some formats
        parser = lxml.XMLParser(
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
        )
        try:
            for number, piece in enumerate(self.chunks(name)):
                if number == 0:
                    check_prolog(piece)
                parser.feed(piece)
            root = parser.close()
        except lxml.XMLSyntaxError:
            raise Unreadable("broken") from None
        if root.getroottree().docinfo.doctype:
            raise Unreadable("broken")
        return root

    def check_prologs(self) -> None:
        """See that no part of XML declares entities."""
        for name in self.names:
            if name.lower().endswith(_XML):
                check_prolog(next(self.chunks(name, _PROLOG_BYTES), b""))

    def related(self, name: str) -> dict[str, tuple[str, str]]:
        """Give what a part refers to within the file: id -> kind (the last word of its type) and part."""
        folder, base = posixpath.split(name)
        relations = posixpath.join(folder, "_rels", base + ".rels")
        if relations not in self:
            return {}
        found: dict[str, tuple[str, str]] = {}
        for relation in self.xml(relations).iter(f"{{{_RELATIONSHIPS}}}Relationship"):
            target = relation.get("Target", "")
            if relation.get("TargetMode") != "External" and target:
                part = (
                    target.lstrip("/")
                    if target.startswith("/")
                    else posixpath.normpath(f"{folder}/{target}").lstrip("/")
                )
                found[relation.get("Id", "")] = (relation.get("Type", "").rpartition("/")[2], part)
        return found

    def main_part(self, usual: str) -> str:
        """Give the name of the part that everything hangs on."""
        targets = [part for kind, part in self.related("").values() if kind == "officeDocument" and part in self]
        if not targets and usual not in self:
            raise Unreadable("broken")
        return targets[0] if targets else usual

    def title(self) -> str:
        """Give the title that the file's properties tell."""
        if "docProps/core.xml" not in self:
            return ""
        try:
            return self.xml("docProps/core.xml").findtext("{http://purl.org/dc/elements/1.1/}title") or ""
        except Unreadable:
            return ""  # the rest may be well


def check_prolog(start: bytes) -> None:
    """Refuse XML that declares a document type: office files have none, and bombs need one."""
    prolog = start[:_PROLOG_BYTES].replace(b"\0", b"")
    if b"<!DOCTYPE" in prolog or b"<!ENTITY" in prolog:
        raise Unreadable("broken", "The file holds declarations that no office program writes; save it again")


def _ole_refusal(file: BinaryIO) -> Unreadable:
    """Tell an encrypted office file from one in the format of the time before."""
    tail = b""
    while piece := file.read(2**20):
        if _ENCRYPTED in tail + piece:
            return Unreadable("encrypted")
        tail = piece[-len(_ENCRYPTED) :]
    return Unreadable("unsupported_type", "The file is in an old format; save it as .docx, .xlsx or .pptx")
