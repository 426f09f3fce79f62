"""What an operator may set about attachments, as `DESKBUS_<NAME>`."""

from libs.runtime.settings import CommonSettings


class Settings(CommonSettings, frozen=True, kw_only=True):
    """The common settings; limits of size and type come with uploads."""
