"""What can be wrong with keyword files, keywords and ideas."""

from __future__ import annotations

from igny8_core.common.errors import Conflict, InvalidInput, StaleState


class KeywordFileInvalid(InvalidInput):
    """The file cannot be imported; nothing was written. Subclasses say why, with a code each."""

    code = "keyword_file_invalid"


class FileEmpty(KeywordFileInvalid):
    """No bytes, or no row below the header."""

    code = "file_empty"


class FileTooLarge(KeywordFileInvalid):
    """More bytes, rows or columns than one import takes; ``data`` names the limit."""

    code = "file_too_large"


class FormatNotSupported(KeywordFileInvalid):
    """Not a text table: a spreadsheet, an archive, a picture, or other binary data."""

    code = "format_not_supported"


class EncodingUnreadable(KeywordFileInvalid):
    """The bytes are no text in any encoding that we read."""

    code = "encoding_unreadable"


class NoKeywordColumn(KeywordFileInvalid):
    """No header with a keyword column in the first rows; ``data['lines']`` shows what is there."""

    code = "no_keyword_column"


class NumberStyleAmbiguous(KeywordFileInvalid):
    """A column mixes decimal marks; the user says which one it uses."""

    code = "number_style_asked"


class ImportOptionInvalid(InvalidInput):
    """An option that no file can be read with; ``data['option']`` names it."""

    code = "import_option_invalid"


class ImportRowsGone(Conflict):
    """What the import needs is kept no longer: upload the file again."""

    code = "import_rows_gone"


class SamplesNotWanted(Conflict):
    """Sample keywords are for a site that has no keyword yet; nothing was written."""

    code = "samples_not_wanted"


class ExportInvalid(InvalidInput):
    """No such column or format; nothing was written."""

    code = "export_invalid"


class CountChanged(Conflict):
    """As many rows as the caller has seen are not there any more; ``data['matched']`` are."""

    code = "count_changed"


class BulkInvalid(InvalidInput):
    """An act that cannot be meant; nothing was written."""

    code = "bulk_invalid"


class ViewInvalid(InvalidInput):
    """A view that no list can have; nothing was written."""

    code = "view_invalid"


class ViewNameTaken(Conflict):
    """The person has another view of this name."""

    code = "view_name_taken"


class UndoTooLate(Conflict):
    """What the import changed is remembered no longer."""

    code = "undo_too_late"


class ImportKeptFailing(Conflict):
    """Every worker that took the import was lost; what is in is in."""

    code = "import_kept_failing"


class ClusterNameTaken(Conflict):
    """Another live cluster of the sector has this name."""

    code = "cluster_name_taken"


class LeaseLost(StaleState):
    """Another worker has taken the work over; it goes on there."""

    code = "lease_lost"


class NothingToRebuild(Conflict):
    """The sector has no cluster yet."""

    code = "nothing_to_rebuild"


class ProposalClosed(Conflict):
    """The proposal was applied, discarded or replaced by a newer one."""

    code = "proposal_closed"


class ClusterLocked(Conflict):
    """The cluster is locked; a person has to unlock it first."""

    code = "cluster_locked"


class UndoNotPossible(Conflict):
    """Something of the edit was changed since; ``data`` counts what by kind."""

    code = "undo_not_possible"


class IdeaTaken(Conflict):
    """The idea cannot come back: its page or its cluster is not free."""

    code = "idea_taken"
