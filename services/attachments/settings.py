"""What an operator may set about attachments, as `DESKBUS_<NAME>`."""

from libs.runtime.settings import CommonSettings


class Settings(CommonSettings, frozen=True, kw_only=True):
    """The settings of attachments.

    Attributes:
        reading_slots: how many files one process reads at the same time.
        reading_timeout_s: seconds that one file may take.
        reading_cpu_s: seconds of processor time that one file may take.
        reading_memory_mb: memory that one reading may take.
        attachment_unused_s: seconds until an upload that no message names is removed.
        attachment_orphan_s: seconds until bytes without a record are removed; longer than any upload takes.
        attachment_sweep_s: seconds between two looks for them.
    """

    database_url: str
    reading_slots: int = 4
    reading_timeout_s: float = 10.0
    reading_cpu_s: int = 8
    reading_memory_mb: int = 512
    attachment_unused_s: float = 24 * 3600.0
    attachment_orphan_s: float = 3600.0
    attachment_sweep_s: float = 300.0
