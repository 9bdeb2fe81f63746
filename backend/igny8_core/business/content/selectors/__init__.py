"""What can be read of articles, writing tasks, images and what hangs on them."""

from igny8_core.business.content.models import Content
from igny8_core.business.content.selectors.links import (
    cluster_map,
    cluster_maps,
    content_attribute,
    content_attributes,
    taxonomies,
    taxonomy,
)
from igny8_core.business.content.selectors.outgoing import (
    OutgoingArticle,
    OutgoingTerm,
    outgoing_article,
)
from igny8_core.business.content.selectors.reviews import (
    comment,
    comments,
    due_sites,
    verdicts,
)
from igny8_core.business.content.selectors.rows import (
    ContentCounts,
    approved_content_ids,
    content,
    content_counts,
    content_images,
    content_of_task,
    content_taxonomies,
    content_version,
    content_versions,
    contents,
    image,
    images,
    writing_task,
    writing_tasks,
)
from igny8_core.business.content.selectors.scores import (
    content_score,
    content_scores,
    serp_sample,
    serp_samples,
)
from igny8_core.business.content.selectors.site import (
    author_of,
    image_snapshot,
    site_pages,
    site_snapshot,
)

__all__ = [
    "Content",
    "ContentCounts",
    "OutgoingArticle",
    "OutgoingTerm",
    "approved_content_ids",
    "author_of",
    "cluster_map",
    "cluster_maps",
    "comment",
    "comments",
    "content",
    "content_attribute",
    "content_attributes",
    "content_counts",
    "content_images",
    "content_of_task",
    "content_score",
    "content_scores",
    "content_taxonomies",
    "content_version",
    "content_versions",
    "contents",
    "due_sites",
    "image",
    "image_snapshot",
    "images",
    "outgoing_article",
    "serp_sample",
    "serp_samples",
    "site_pages",
    "site_snapshot",
    "taxonomies",
    "taxonomy",
    "verdicts",
    "writing_task",
    "writing_tasks",
]
