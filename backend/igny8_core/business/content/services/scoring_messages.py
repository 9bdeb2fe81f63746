"""What a check says to a person: one sentence on what was found, one on what to do. Pure.

English, by check and fix; figures come from the record. An unknown code says itself.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

TITLES: Final = {
    "topic.keywords": "Keywords of the cluster",
    "topic.attributes": "Facts to state",
    "topic.headings": "Keywords in subheadings",
    "topic.primary": "Keyphrase in one sentence",
    "placement.title": "Keyphrase in the title",
    "placement.introduction": "Keyphrase in the introduction",
    "placement.slug": "Keyphrase in the address",
    "placement.meta_keyphrase": "Keyphrase in the description",
    "placement.subheadings": "Keyphrase in subheadings",
    "placement.distribution": "Keyphrase over the whole text",
    "structure.text_length": "Length of the text",
    "structure.section_length": "Length of sections",
    "structure.single_h1": "One main heading",
    "structure.heading_order": "Order of headings",
    "read.sentence_length": "Length of sentences",
    "read.paragraph_length": "Length of paragraphs",
    "read.passive_voice": "Passive voice",
    "read.transition_words": "Words that join sentences",
    "read.consecutive_starts": "Beginnings of sentences",
    "read.word_complexity": "Long and rare words",
    "read.alignment": "Centred text",
    "read.flesch": "Reading ease",
    "topic.serp_terms": "What others write about",
    "advice.serp_terms": "What others write about",
    "links.internal": "Links to own pages",
    "links.outbound": "Links to other sites",
    "media.images": "Images",
    "media.alt": "Alternative texts",
    "site.keyphrase_unique": "One page for the keyphrase",
    "use.density": "How often the keyphrase is said",
    "use.competing_links": "Links under the keyphrase",
    "snippet.title_width": "Width of the title",
    "snippet.meta_length": "Length of the description",
    "keyphrase.length": "Length of the keyphrase",
    "keyphrase.only_function_words": "Words of the keyphrase",
    "title.present": "Title",
    "structure.very_short": "Very little text",
    "structure.short": "Little text",
}

FOUND: Final = {
    "topic.keywords": "{in_a_sentence} of {units} keywords are said in a sentence, {in_a_section}"
    " more in a section.",
    "topic.attributes": "{stated} of {attributes} facts are stated.",
    "topic.headings": "{reflected} of the {units} strongest keywords have a subheading.",
    "topic.primary": "Where the words of the keyphrase stand: {band}.",
    "placement.title": "Place of the keyphrase in the title: {place}.",
    "placement.introduction": "The first paragraph has {sentences} sentences.",
    "placement.slug": "{found} of {words} words of the keyphrase are in the address.",
    "placement.meta_keyphrase": "The description says the keyphrase {matches} times.",
    "placement.subheadings": "{about} of {subheadings} subheadings are about the keyphrase.",
    "placement.distribution": "Of {sentences} sentences.",
    "structure.text_length": "{words} words.",
    "structure.section_length": "The longest section has {longest_words} words.",
    "structure.single_h1": "{in_text} main headings in the text; the page has its own.",
    "structure.heading_order": "{headings} headings: {skipped} out of order, {repeated} repeated,"
    " {empty} empty.",
    "read.sentence_length": "{long} of {sentences} sentences are long ({percent} %).",
    "read.paragraph_length": "The longest paragraph has {longest_words} words.",
    "read.passive_voice": "{passive} of {sentences} sentences are passive ({percent} %).",
    "read.transition_words": "{joined} of {sentences} sentences are joined ({percent} %).",
    "read.consecutive_starts": "{longest_run} sentences in a row begin alike.",
    "read.word_complexity": "{complex} of {words} words are long and rare ({percent} %).",
    "read.alignment": "{centred} long centred blocks.",
    "read.flesch": "{ease} of 100: {band}.",
    "topic.serp_terms": "{said} of {terms} terms that most of {documents} pages have.",
    "advice.serp_terms": "{said} of {terms} terms that most of {documents} pages have.",
    "links.internal": "{links} links to own pages, {followed} followed.",
    "links.outbound": "{links} links to other sites, {followed} followed.",
    "media.images": "{images} images.",
    "media.alt": "{about_keyphrase} of {images} alternative texts are about the keyphrase.",
    "site.keyphrase_unique": "{other_pages} other pages of the site aim at the keyphrase.",
    "use.density": "{matches} times in {words} words.",
    "use.competing_links": "{links} links to own pages under exactly the keyphrase.",
    "snippet.title_width": "{pixels} of 600 pixels.",
    "snippet.meta_length": "{characters} characters.",
    "keyphrase.length": "{content_words} content words.",
    "keyphrase.only_function_words": "{content_words} content words.",
    "title.present": "{characters} characters.",
}

FIXES: Final = {
    "cover_terms": "Say these keywords in a sentence: {terms}.",
    "state_attributes": "State these facts: {attributes}.",
    "cover_in_headings": "Give one of these a subheading: {terms}.",
    "say_keyphrase_in_a_sentence": 'Say "{keyphrase}" in one sentence.',
    "put_keyphrase_first_in_title": 'Begin the title with "{keyphrase}".',
    "say_keyphrase_in_introduction": 'Say "{keyphrase}" in one sentence of the first paragraph.',
    "put_keyphrase_in_slug": 'Put the words of "{keyphrase}" into the address.',
    "put_keyphrase_in_description": 'Say "{keyphrase}" once in the description.',
    "say_keyphrase_less_in_description": 'Say "{keyphrase}" at most twice in the description.',
    "add_subheadings": "Divide the text with subheadings.",
    "say_keyphrase_in_subheadings": "Let {at_least} to {at_most} subheadings be about"
    ' "{keyphrase}".',
    "say_keyphrase_less_in_subheadings": "Let at most {at_most} subheadings be about"
    ' "{keyphrase}".',
    "spread_keyphrase": 'Come back to "{keyphrase}" here.',
    "lengthen_text": "Write about {words} words.",
    "shorten_text": "Shorten the text to about {words} words.",
    "insert_heading": "Insert a subheading, so that no section has more than {max_words} words.",
    "make_h1_h2": "Make it a subheading: the page has its main heading already.",
    "correct_heading_level": "Begin at level 2, and go down one level at a time.",
    "reword_repeated_heading": "Word the repeated heading otherwise.",
    "remove_empty_heading": "Remove the empty heading.",
    "shorten_title": "Shorten the title to {pixels} pixels.",
    "write_title": "Write a title.",
    "write_description": "Write a description of {at_least} to {at_most} characters.",
    "lengthen_description": "Lengthen the description to {at_least} to {at_most} characters.",
    "shorten_description": "Shorten the description to {at_least} to {at_most} characters.",
    "shorten_sentences": "Split sentences of more than {max_words} words.",
    "split_paragraph": "Split paragraphs of more than {max_words} words.",
    "vary_sentence_starts": "Begin these sentences with different words.",
    "make_active": "Say who does it.",
    "join_sentences": "Join at least {at_least_percent} % of the sentences with words such as"
    " those that give a reason, an order or a contrast.",
    "use_common_words": "Use common words in place of long ones.",
    "say_what_others_say": "Say what searchers find on other pages, too: {terms}.",
    "align_left": "Do not centre long text.",
    "link_to_hub": "Link to the hub page of the topic.",
    "link_to_own_pages": "Link to another page of the site.",
    "let_links_be_followed": "Let search engines follow one of the links.",
    "link_to_a_source": "Link to a source on another site.",
    "add_image": "Add an image.",
    "write_alt": "Give every image an alternative text.",
    "write_alt_about_keyphrase": 'Describe at least {at_least} images with words of "{keyphrase}".',
    "vary_alts": 'Use words of "{keyphrase}" in at most {at_most} alternative texts.',
    "choose_another_keyphrase": 'Another page aims at "{keyphrase}": choose another keyphrase, or'
    " join the pages.",
    "say_keyphrase_more": 'Say "{keyphrase}" {at_least} to {at_most} times.',
    "say_keyphrase_less": 'Say "{keyphrase}" at most {at_most} times.',
    "reword_anchor": "Word the link otherwise: it gives the keyphrase to another page.",
    "shorten_keyphrase": "Use a keyphrase of at most {at_most} content words.",
    "choose_keyphrase": "Choose a keyphrase with a word that carries a topic.",
}

REASONS: Final = {
    "no_primary_keyword": "It has no primary keyword.",
    "too_short": "It has fewer than 50 characters of text.",
    "language_unknown": "Its language is not known.",
    "template_variables": "Variables of a template stand in place of the text.",
    "no_keywords": "There are no other keywords.",
    "no_attributes": "No facts are noted for it.",
    "no_words_in_language": "Words of this language cannot be counted without a dictionary.",
    "no_list_for_language": "There is no word list for this language.",
    "no_formula_for_language": "There is no formula for this language.",
    "too_few_words": "There are too few words to tell.",
    "no_serp": "No pages of others were brought for its topic.",
    "no_headings": "It has no headings.",
    "no_images": "It has no images.",
    "script_not_measurable": "The width of this script cannot be measured.",
}


def title_of(check: str) -> str:
    """The name of a check or cap for people."""
    return TITLES.get(check, check)


def found_text(check: Mapping[str, Any]) -> str:
    """What a check found."""
    measured = check["measured"]
    if "reason" in measured:
        return reason_text(str(measured["reason"]))
    text = FOUND.get(check["check"], "")
    return text.format_map(defaultdict(str, measured | {"band": check["band"].replace("_", " ")}))


def reason_text(reason: str) -> str:
    """Why something was not judged, in a sentence."""
    return REASONS.get(reason, reason)


def fix_text(fix: Mapping[str, Any] | None) -> str:
    """What to do; empty when there is nothing to do."""
    if not fix:
        return ""
    shown = {name: _shown(value) for name, value in fix["params"].items()}
    return FIXES.get(fix["code"], str(fix["code"])).format_map(defaultdict(str, shown))


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_shown(one) for one in value)
    if isinstance(value, dict):
        if "share" in value:
            return f"{value['text']} ({value['share']} %)"
        if "worth" in value:
            worth = f"{value['worth'] // 100}.{value['worth'] % 100 // 10}"
            place = f' in "{value["section"]}"' if value["section"] else ""
            return f"{value['text']} ({worth} points{place})"
        return f"{value['name']}: {value['value']}"
    return str(value)
