"""What the planner knows of each language: close variants, contrasts, intents, wording."""

from __future__ import annotations

import pytest

from igny8_core.business.planning.services.cluster_core import cluster_texts
from igny8_core.business.planning.services.cluster_text import duplicate_key, grouping_words
from igny8_core.business.planning.services.idea_phrases import PhraseWords, article_for, phrase_of
from igny8_core.business.planning.services.idea_texts import (
    headline,
    idea_title,
    idea_words,
    is_question,
    worded_structure,
)
from igny8_core.business.planning.services.keyword_intents import rule_intent
from igny8_core.business.planning.services.language_words import language_words
from igny8_core.business.planning.states import ContentStructure

LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pl", "pt")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_list(language: str) -> None:
    grouping, words, wording = (
        grouping_words(language), language_words(language), idea_words(language),
    )  # fmt: skip
    assert grouping is not None
    assert min(map(len, (grouping.filler, grouping.order, grouping.contrasts))) >= 5
    lists = (
        words.navigational, words.transactional_starts, words.commercial,
        words.informational_starts, words.transactional, words.informational, words.product,
        words.facets, words.filler,
    )  # fmt: skip
    assert min(map(len, lists)) >= 3
    structures = {structure.value for structure in ContentStructure}
    assert set(wording.titles) == set(wording.outlines) == structures
    assert all("{" in title for titles in wording.titles.values() for title in titles)
    assert {name for _phrase, name in (*wording.starts, *wording.words)} <= structures
    assert wording.questions_heading


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("de", "graue lampen", "lampe grau"),
        ("de", "lampe für das wohnzimmer", "wohnzimmer lampe"),
        ("fr", "canapés gris", "canapé gris"),
        ("fr", "recette de l'eau", "eau recette"),
        ("es", "lámparas de mesa", "mesa lámpara"),
        ("it", "lampade da tavolo", "lampade da tavolo"),
        ("it", "ricette dell'acqua", "acqua ricetta"),
        ("nl", "lampen voor de keuken", "keuken lamp"),
        ("pt", "camas de casal", "casal cama"),
        ("pl", "lampa do kuchni", "lampa do kuchni"),
    ],
)
def test_close_variants_have_one_key(language: str, one: str, other: str) -> None:
    assert duplicate_key(one, language) == duplicate_key(other, language)


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("de", "flug von rom nach oslo", "flug von oslo nach rom"),
        ("fr", "train sans réservation", "réservation sans train"),
        ("es", "vuelos desde lima hasta quito", "vuelos desde quito hasta lima"),
        ("nl", "trein naar parijs", "parijs naar trein"),
        ("pl", "lot do rzymu", "rzymu do lot"),
        ("xx", "a b", "b a"),
    ],
)
def test_where_order_has_a_meaning_it_stays(language: str, one: str, other: str) -> None:
    assert duplicate_key(one, language) != duplicate_key(other, language)


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("de", "sofa mit schlaffunktion", "sofa ohne schlaffunktion"),
        ("fr", "chaussures randonnée homme", "chaussures randonnée femme"),
        ("es", "comprar coche de segunda mano", "vender coche de segunda mano"),
        ("it", "come ingrassare in fretta", "come dimagrire in fretta"),
        ("nl", "wandelschoenen heren waterdicht", "wandelschoenen dames waterdicht"),
        ("pl", "buty zimowe męskie skórzane", "buty zimowe damskie skórzane"),
        ("pt", "tênis de corrida masculino", "tênis de corrida feminino"),
    ],
)
def test_opposites_are_never_on_one_page(language: str, one: str, other: str) -> None:
    found = cluster_texts([one, other], language=language)

    assert found.page[0] != found.page[1]


@pytest.mark.parametrize(
    ("language", "keyword", "intent"),
    [
        ("de", "beste matratze 2026", "commercial"),
        ("de", "wie entkalkt man eine kaffeemaschine", "informational"),
        ("de", "was kostet eine zahnkrone", "transactional"),
        ("de", "matratze kaufen", "transactional"),
        ("de", "bank login", "navigational"),
        ("de", "besteck aus silber", ""),
        ("fr", "meilleur aspirateur", "commercial"),
        ("fr", "comment nettoyer un canapé", "informational"),
        ("fr", "canapé pas cher", "transactional"),
        ("fr", "canapé gris", ""),
        ("es", "mejores móviles", "commercial"),
        ("es", "qué es una hipoteca", "informational"),
        ("es", "comprar sofá", "transactional"),
        ("es", "comprarlo todo", ""),
        ("it", "migliori materassi", "commercial"),
        ("it", "come pulire il divano", "informational"),
        ("it", "divano in offerta", "transactional"),
        ("nl", "beste stofzuiger", "commercial"),
        ("nl", "hoe maak je een bank schoon", "informational"),
        ("nl", "bank kopen", "transactional"),
        ("pl", "najlepszy telefon", "commercial"),
        ("pl", "jak wyczyścić kanapę", "informational"),
        ("pl", "tani telefon", "transactional"),
        ("pl", "jak zapisać numer telefonu", "informational"),
        ("pl", "numer telefonu banku", "navigational"),
        ("es", "por que duele la cabeza", "informational"),
        ("pt", "melhores celulares", "commercial"),
        ("pt", "como limpar sofá", "informational"),
        ("pt", "comprar sofá", "transactional"),
        ("pt", "sofá cinza", ""),
    ],
)
def test_rules_fire_on_whole_words_of_the_language(
    language: str, keyword: str, intent: str
) -> None:
    assert rule_intent(keyword, language=language).intent == intent


@pytest.mark.parametrize(
    ("language", "keyword", "structure", "title"),
    [
        ("de", "wie reinigt man ein sofa", "how_to", "Wie reinigt man ein Sofa? "),
        ("de", "was ist eine wärmepumpe", "definition", "Was ist eine Wärmepumpe? "),
        ("de", "graues sofa kaufen", "buying_guide", "Graues Sofa kaufen: "),
        ("fr", "qu'est-ce que le seo", "definition", "Qu'est-ce que le SEO ? "),
        ("fr", "comment nettoyer un canapé", "how_to", "Comment nettoyer un canapé : "),
        ("es", "por qué mi perro no come", "question", "¿Por qué mi perro no come? "),
        ("es", "cómo limpiar un sofá", "how_to", "Cómo limpiar un sofá: "),
        ("it", "cos'è la partita iva", "definition", "Cos'è la partita iva? "),
        ("nl", "wat is een hypotheek", "definition", "Wat is een hypotheek? "),
        ("pl", "jak wyczyścić kanapę", "how_to", "Jak wyczyścić kanapę? "),
        ("pt", "o que é um celular", "definition", "O que é um celular? "),
    ],
)
def test_titles_speak_the_language(language: str, keyword: str, structure: str, title: str) -> None:
    assert worded_structure(keyword, language) == structure
    found = idea_title(keyword, keyword, ContentStructure(structure), language)
    assert found.startswith(title)
    assert len(found) > len(title)


@pytest.mark.parametrize(
    ("query", "plural"),
    [
        ("chrome bathroom 4 light vanity light", "4-light bathroom vanity lights in chrome"),
        ("black 5 drawer dresser by guilford", "black 5-drawer dressers by guilford"),
        ("48in bathroom vanity with sink", "48-in bathroom vanities with sink"),
        ("mattress foam topper queen", "queen mattress foam toppers"),
        ("accent chairs living room", "accent chairs for the living room"),
        ("accent chair living room", "accent chair living rooms"),
        ("kitchen knife", "kitchen knives"),
        ("outdoor furniture", "outdoor furniture"),
        ("grey sofa sofa", "grey sofas"),
        ("glass", "glass"),
        ("bus", "buses"),
        ("watch box", "watch boxes"),
        ("baby", "babies"),
        ("toy", "toys"),
        ("wolf scarf", "wolf scarves"),
        ("top loading washer 4.5", "top loading washer 4.5"),
    ],
)
def test_a_raw_query_becomes_a_phrase(query: str, plural: str) -> None:
    assert " ".join(phrase_of(query, idea_words("en").phrases).plural) == plural


def test_a_language_without_phrases_leaves_queries_as_they_are() -> None:
    found = phrase_of("graues sofa 4 sitzer", PhraseWords())

    assert (found.words, found.is_countable) == (("graues", "sofa", "4", "sitzer"), False)
    assert phrase_of("", idea_words("en").phrases).words == ()


@pytest.mark.parametrize(
    ("shown", "article"),
    [
        ("Sofa", "a"), ("Ottoman", "an"), ("LED Lamp", "an"), ("TV Stand", "a"), ("USB Hub", "a"),
        ("Hourglass", "an"), ("House", "a"), ("Unicycle", "a"), ("Umbrella", "an"),
        ("8-Inch Pan", "an"),
        ("One-Piece Toilet", "a"), ("European Pillow", "a"), ("", "a"),
    ],
)  # fmt: skip
def test_a_or_an_goes_by_the_sound(shown: str, article: str) -> None:
    assert article_for(shown) == article


@pytest.mark.parametrize(
    ("keyword", "titles"),
    [
        ("chrome bathroom 4 light vanity light", "4-Light Bathroom Vanity Light"),
        ("32 inch tv", "32-Inch TV"),
        ("IKEA kallax shelf", "IKEA Kallax Shel"),
        ("mens socks", "Men's Socks"),
    ],
)
def test_a_buying_guide_names_the_thing_well(keyword: str, titles: str) -> None:
    found = idea_title(keyword, keyword.casefold(), ContentStructure.BUYING_GUIDE, "en")

    assert titles in found
    assert "How to Choose Well" not in found


@pytest.mark.parametrize(
    ("language", "keyword", "heading"),
    [
        ("en", "irs forms 1099", "IRS Forms 1099"),
        ("en", "nypd and mlb jersey", "NYPD and MLB Jersey"),
        ("en", "m&s or h&m socks", "M&S or H&M Socks"),
        ("en", "grants in u.s. towns", "Grants in U.S. Towns"),
        ("en", "grants in the u.s.", "Grants in the U.S."),
        ("en", "shure a27m mp3 player 128gb", "Shure A27M MP3 Player 128GB"),
        ("en", "dr martens of st johns", "Dr Martens of St Johns"),
        ("en", "why my gym", "Why My Gym"),
        ("en", "top10 4x4 2nd hand", "Top10 4x4 2nd Hand"),
        ("pl", "samsung galaxy s24 cena", "samsung galaxy S24 cena"),
        ("it", "come si usa la guida ai tv", "come si usa la guida ai TV"),
        ("pt", "o que eu posso comer", "o que eu posso comer"),
        ("fr", "j ai eu un pc", "j ai eu un PC"),
    ],
)
def test_capitals_are_those_of_the_language(language: str, keyword: str, heading: str) -> None:
    assert headline(keyword, language) == heading


@pytest.mark.parametrize(
    ("language", "keyword", "asks"),
    [
        ("it", "a cosa serve la melatonina", True),
        ("it", "a tavola con gusto", False),
        ("it", "si vende casa a roma", False),
        ("pt", "o que é o colágeno", True),
        ("pt", "o melhor colchão 2024", False),
        ("es", "que es el colageno", True),
        ("es", "para bebes ropa barata", False),
        ("es", "se vende casa en madrid", False),
        ("pl", "po co jest mydło", True),
        ("pl", "po polsku dla dzieci", False),
        ("en", "did the sofa sell", True),
        ("en", "where to buy a sofa", False),
        ("en", "what to expect of a sofa", False),
    ],
)
def test_a_question_is_one_in_its_language(language: str, keyword: str, asks: bool) -> None:  # noqa: FBT001
    assert is_question(keyword, language) is asks
    title = idea_title(keyword, keyword, ContentStructure.ARTICLE, language)
    assert ("?" in title) is asks


def test_a_title_leaves_a_name_with_its_own_capitals_alone() -> None:
    title = idea_title("iphone 15 pro cena", "iphone 15 pro cena", ContentStructure.PRICING, "pl")

    assert title.startswith("iPhone 15 pro cena")


@pytest.mark.parametrize(
    ("query", "plural"),
    [
        ("nordic socks uk", "nordic socks uk"),
        ("grey sofa uk", "grey sofas uk"),
        ("long white socks mens", "mens long white socks"),
        ("designer sock sale", "designer sock sale"),
    ],
)
def test_where_one_buys_and_for_whom_is_no_thing(query: str, plural: str) -> None:
    found = phrase_of(query, idea_words("en").phrases)

    assert " ".join(found.plural) == plural
    assert found.is_countable is (query == "grey sofa uk")
