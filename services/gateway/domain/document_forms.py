"""What a form says of the files in it, and a query of the metadata that documents must have."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from libs.contracts.documents import Metadata, PutDocument, Scalar

from .limits import FILTERS, invalid

_FILTER = "metadata."


def form_documents(fields: Mapping[str, Sequence[str]], count: int) -> list[PutDocument]:
    """Give what a form says of its files, in their order.

    `title` and `document_id` are of one file each; `source` and `metadata` may also be there once for all files.

    Raises:
        Invalid: a field is there too often or too seldom, or is no metadata.
    """
    titles, sources = _each(fields, "title", count), _each(fields, "source", count, shared=True)
    document_ids = _each(fields, "document_id", count)
    metadata = [_metadata(text) for text in _each(fields, "metadata", count, shared=True)]
    return [
        PutDocument(document_id=document_ids[each], title=titles[each], source=sources[each], metadata=metadata[each])
        for each in range(count)
    ]


def _each(fields: Mapping[str, Sequence[str]], name: str, count: int, *, shared: bool = False) -> list[str | None]:
    given = [value or None for value in fields.get(name, ())]
    if not any(given):
        return [None] * count
    if len(given) == 1 and shared:
        return given * count
    if len(given) != count:
        raise invalid(name, f"must be there once for each file{', or once for all' if shared else ''}")
    return given


def _metadata(text: str | None) -> Metadata:
    if text is None:
        return {}
    try:
        return msgspec.json.decode(text, type=Metadata)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as fault:
        raise invalid("metadata", "must be a JSON object whose values are texts, numbers, true or false") from fault


def metadata_filters(query: Iterable[tuple[str, str]]) -> Metadata:
    """Give the filters that a query has as `metadata.<key>=<value>`.

    A value that is a number, `true` or `false` is that, and a text in double quotes is a text whatever it holds; anything
    else is a text as it stands.

    Raises:
        Invalid: there are too many.
    """
    filters = {name.removeprefix(_FILTER): _value(text) for name, text in query if name.startswith(_FILTER)}
    if len(filters) > FILTERS:
        raise invalid("metadata", f"filters must be at most {FILTERS}", where="query")
    return filters


def _value(text: str) -> Scalar:
    try:
        return msgspec.json.decode(text, type=Scalar)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return text
