"""Sites: the pages that a sitemap names become documents."""

from libs.contracts.context import Context
from libs.contracts.documents import ImportSite, PutDocument, SiteImported
from libs.contracts.errors import FieldError, Invalid, Unavailable

from ..domain.givens import content_of, faults, given_from
from ..domain.web import WebRefused, web_address
from ..ports.web import WebPages
from .documents import Documents

_MOST = 1_000


class Sites:
    """The use case `import_site`."""

    def __init__(self, pages: WebPages, documents: Documents) -> None:
        self._pages = pages
        self._documents = documents

    async def import_site(self, request: ImportSite, ctx: Context) -> SiteImported:
        """Queue the pages of a sitemap, each under an id that follows from its address; again, they are fetched again.

        Raises:
            Invalid: `invalid_request`, or why the sitemap is refused (`url_invalid`, `url_private`, ...).
            Unavailable: the sitemap cannot be had right now, or the pages could not be stored.
        """
        if not 1 <= request.limit <= _MOST:
            raise _invalid("limit", f"must be 1 to {_MOST}")
        if wrong := faults(PutDocument(url=request.sitemap, metadata=request.metadata)):
            raise Invalid("invalid_request", f"{wrong[0].loc[-1]} {wrong[0].msg}", errors=wrong)
        try:
            addresses = [web_address(url) for url in await self._pages.pages_of(request.sitemap, request.limit)]
        except WebRefused as fault:
            if fault.retryable:
                raise Unavailable(fault.code, fault.reason) from fault
            raise Invalid(fault.code, fault.reason, errors=[FieldError(["body", "sitemap"], fault.reason)]) from fault
        documents = {address.document_id: address.url for address in addresses}
        for document_id, url in documents.items():
            new = PutDocument(document_id=document_id, url=url, metadata=request.metadata)
            await self._documents.add(ctx.tenant, given_from(new, document_id, (0, content_of(url)[1])))
        return SiteImported(documents=list(documents))


def _invalid(field: str, why: str) -> Invalid:
    return Invalid("invalid_request", f"{field} {why}", errors=[FieldError(["body", field], why)])
