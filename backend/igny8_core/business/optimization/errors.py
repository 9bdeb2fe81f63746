"""What the optimiser refuses."""

from __future__ import annotations

from igny8_core.common.errors import Transient


class ArticleChanged(Transient):
    """The article is another one by now: nothing was stored or charged; it is read anew."""

    code = "article_changed"
