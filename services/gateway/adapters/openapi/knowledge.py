"""The operations about documents, the index and gaps, told to administrators."""

from libs.contracts.documents import (
    Document,
    DocumentDetail,
    DocumentGone,
    DocumentPut,
    DocumentUsage,
    IndexState,
    SiteImported,
)
from libs.contracts.knowledge import Gap

from ...domain.document_outcomes import (
    DocumentOutcomes,
)
from ...domain.documents import (
    DOCUMENTS_AT_ONCE,
    DetailQuery,
    DocumentQuery,
    NewDocument,
    NewDocuments,
    NewIndex,
    NewSite,
    UsageOfDocumentQuery,
)
from ...domain.requests import GapQuery, NewAnswer
from .operation import Answer, Operation, query_parameter

_TAG = "Knowledge"
_AWAY = {503: ("knowledge_unavailable",)}
_GIVEN = {400: ("bad_form", "upload_stalled"), 413: ("file_too_large",), 415: ("unsupported_media_type",),
          409: ("document_of_session",), 422: ("document_rejected",), 503: ("knowledge_unavailable", "too_many_uploads")}  # fmt: skip
_NO_DOCUMENT = {404: ("document_not_found",), **_AWAY}
_NO_GAP = {404: ("gap_not_found",), **_AWAY}
_LISTED = ("X-Total-Count", "Link")
_METADATA = query_parameter(
    "metadata.<key>", "Only documents with this value of this key of their metadata; it may be there for several keys"
)
_FILE = {"type": "string", "contentMediaType": "application/octet-stream"}
_FIELDS = {
    "title": {"type": "string", "description": "The document's title; of several files one for each"},
    "source": {"type": "string", "description": "Where a reader finds it; of several files one for all or for each"},
    "metadata": {"type": "string", "contentMediaType": "application/json",
                 "description": "A JSON object; of several files one for all or for each"},
    "document_id": {"type": "string", "description": "The document's id; of several files one for each"},
}  # fmt: skip
_FORM = {
    "type": "object", "required": ["files"],
    "properties": {"files": {"type": "array", "items": _FILE, "minItems": 1, "maxItems": DOCUMENTS_AT_ONCE}, **_FIELDS},
}  # fmt: skip
_ONE_FILE = {
    "type": "object", "required": ["files"],
    "properties": {"files": _FILE, **{name: _FIELDS[name] for name in ("title", "source", "metadata")}},
}  # fmt: skip
_GAP = {200: Answer(description="The gap as it is now", kind=Gap)}

KNOWLEDGE = {
    "add_documents": Operation(
        tag=_TAG, summary="Add documents, or new versions of them: text, files or web addresses",
        description="The same content under the same id changes nothing. One document is answered with `document` and "
        "`outcome`; of several each is told in `documents`, and one that is refused does not keep the others. A form may "
        f"hold 1 to {DOCUMENTS_AT_ONCE} files.",
        body=NewDocuments, forms={"multipart/form-data": _FORM}, body_required=True,
        answers={
            200: Answer(description="None of several was taken", kind=DocumentOutcomes),
            201: Answer(description="Searches find it, or all that were taken", kind=DocumentOutcomes),
            202: Answer(description="It is stored, or one of several is, and still being read",
                        kind=DocumentOutcomes),
        },
        faults=_GIVEN,
    ),
    "put_document": Operation(
        tag=_TAG, summary="Give a new version of a document",
        description="Searches find the old version until the new one is there, and never both.",
        body=NewDocument, forms={"multipart/form-data": _ONE_FILE}, body_required=True,
        answers={200: Answer(description="Searches find it", kind=DocumentPut),
                 202: Answer(description="It is stored and still being read", kind=DocumentPut)},
        faults={**_GIVEN, 404: ("document_not_found",)},
    ),
    "list_documents": Operation(
        tag=_TAG, summary="List documents, changed last first", query=DocumentQuery, parameters=(_METADATA,),
        answers={200: Answer(description="A page of them", kind=list[Document], headers=_LISTED)}, faults=_AWAY,
    ),
    "get_document": Operation(
        tag=_TAG, summary="Look at a document: its state, versions and passages", query=DetailQuery,
        answers={200: Answer(description="All of it", kind=DocumentDetail)}, faults=_NO_DOCUMENT,
    ),
    "delete_document": Operation(
        tag=_TAG, summary="Delete a document with its versions, passages and vectors",
        description="`passages_left` and `vectors_left` were counted afterwards; `vectors_left` is null while the index is "
        "away, and it is deleted there later.",
        answers={200: Answer(description="It is deleted", kind=DocumentGone)}, faults=_NO_DOCUMENT,
    ),
    "document_usage": Operation(
        tag=_TAG, summary="List the answers that cited a document, newest first; also of a deleted one",
        query=UsageOfDocumentQuery,
        answers={200: Answer(description="A page of them", kind=DocumentUsage, headers=_LISTED)}, faults=_NO_DOCUMENT,
    ),
    "import_site": Operation(
        tag=_TAG, summary="Add the pages that a sitemap names",
        description="Each page becomes a document, and a new version of it when it is asked for again.",
        body=NewSite, body_required=True,
        answers={202: Answer(description="The documents that the pages become", kind=SiteImported)},
        faults=_AWAY,
    ),
    "index_state": Operation(
        tag=_TAG, summary="Look at what searches rest on, and how far a reindex is",
        answers={200: Answer(description="The index", kind=IndexState)}, faults=_AWAY,
    ),
    "reindex": Operation(
        tag=_TAG, summary="Cut and embed all documents anew beside the index in use, then switch; searches go on",
        body=NewIndex, answers={202: Answer(description="The index, with what is being built", kind=IndexState)},
        faults={409: ("reindex_running",), 422: ("unknown_model",), **_AWAY},
    ),
    "list_gaps": Operation(
        tag=_TAG, summary="List questions that the documents did not answer, the most wanted first", query=GapQuery,
        answers={200: Answer(description="A page of them", kind=list[Gap], headers=_LISTED)}, faults=_AWAY,
    ),
    "dismiss_gap": Operation(
        tag=_TAG, summary="Say that a question needs no answer", answers=_GAP, faults=_NO_GAP,
    ),
    "reopen_gap": Operation(
        tag=_TAG, summary="Open a question again", answers=_GAP, faults=_NO_GAP,
    ),
    "answer_gap": Operation(
        tag=_TAG, summary="Answer a question: it becomes a document, and the gap closes when its question finds that",
        description="Without `answer` the gap's draft is the answer.",
        body=NewAnswer, answers=_GAP, faults={409: ("no_draft",), **_NO_GAP},
    ),
}  # fmt: skip
