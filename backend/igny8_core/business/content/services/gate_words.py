"""What the gates are called, and what to do about one that failed, for people."""

from __future__ import annotations

from typing import Final

FIXES: Final[dict[str, str]] = {
    "headings": "Start with a heading of level 2, skip no level, and give each its own words.",
    "clean_html": "Save the text again: what may not be shown is taken out.",
    "links": "Take addresses out of the text, and keep to one link for a hundred words.",
    "markdown": "Take the marks out, or use the editor's own headings, lists and emphasis.",
    "residue": "Take out what a model says of itself, placeholders and orders.",
    "complete": "End every paragraph with a whole sentence.",
    "language": "Write these sentences in the article's language, or change that.",
    "citations": "Name the source in words and link it, or take the mark out.",
    "repetition": "Say it once.",
    "seo_fields": "Mend title, description and address for search engines.",
    "seo_empty": "Fill these fields in.",
    "facts": "State the figure that the facts of the article give, or add it to them.",
    "word_count": "Write more, write less, or change the wanted length.",
    "dead_links": "Link to a page that is there, or take the link out.",
    "unique": "Say what the other articles do not say, or send visitors to them instead.",
    "images": "Make or replace these pictures, and describe each in words.",
    "disclosure": "Save the blocks again, so that it is known who wrote them.",
    "demo_model": "Somebody has to read and approve it.",
    "volume": "Wait, have somebody approve it, or change what the site sets under volume.",
}

TITLES: Final[dict[str, str]] = {
    "headings": "Headings",
    "clean_html": "HTML",
    "links": "Links",
    "markdown": "Marks in the text",
    "residue": "Talk of a model",
    "complete": "Whole sentences",
    "language": "Language",
    "citations": "Sources",
    "repetition": "Repetition",
    "seo_fields": "Search fields",
    "seo_empty": "Empty search fields",
    "facts": "Facts",
    "word_count": "Length",
    "dead_links": "Dead links",
    "unique": "Copied text",
    "images": "Pictures",
    "disclosure": "Origin",
    "demo_model": "Text of the demo model",
    "volume": "How much goes out",
}
