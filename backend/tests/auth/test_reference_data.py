"""Reference data: what the package ships, and how an installation follows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils.text import slugify

from igny8_core.auth import reference, selectors, services
from igny8_core.auth.models import Industry, IndustrySector, Plan, SeedKeyword
from igny8_core.auth.reference import (
    IndustryData,
    ReferenceDataInvalid,
    SectorData,
    read_industries,
)
from igny8_core.auth.states import SeedSource
from igny8_core.common.text_forms import normal_form

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.django_db(databases=["default", "owner", "admin"])


def pets(**changes: object) -> list[IndustryData]:
    """An industry with one sector, as a file would describe it."""
    sector: dict[str, object] = {
        "name": "Dogs",
        "slug": "dogs",
        "keywords": ("puppy training", "dog bed"),
    }
    return [IndustryData("Pets", "pets", (SectorData(**(sector | changes)),))]  # type: ignore[arg-type]  # a mapping


def seeds(source: SeedSource) -> set[str]:
    return set(SeedKeyword.objects.filter(source=source).values_list("keyword", flat=True))


def test_the_package_ships_enough_of_everything() -> None:
    found = reference.industries()
    sectors = [sector for one in found for sector in one.sectors]

    assert len(found) >= 12
    assert all(len(one.sectors) >= 4 for one in found)
    assert all(len(sector.keywords) >= 20 for sector in sectors)
    assert all(one.slug == slugify(one.name) for one in found)
    assert all(sector.slug == slugify(sector.name) for sector in sectors)
    assert all(text == normal_form(text) for sector in sectors for text in sector.keywords)


def test_countries_have_codes_and_names() -> None:
    found = reference.countries()

    assert len(found) == 249
    assert (found["DE"], found["CI"]) == ("Germany", "Côte d'Ivoire")
    assert list(found.values()) == sorted(found.values())


def test_a_first_load_brings_everything_and_a_repeat_writes_nothing() -> None:
    first = services.load_reference_data()
    with CaptureQueriesContext(connection) as queries:
        second = services.load_reference_data()

    words = {query["sql"].split(maxsplit=1)[0] for query in queries}
    wanted = reference.industries()
    assert first == second
    assert first["industries"] == len(wanted)
    assert first["seed_keywords"] == sum(len(s.keywords) for one in wanted for s in one.sectors)
    assert words <= {"SELECT", "SAVEPOINT", "RELEASE"}


def test_the_command_says_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("load_reference_data")

    assert (
        f"industries: {len(reference.industries())}, industry_sectors:" in capsys.readouterr().out
    )


def test_names_follow_the_files() -> None:
    services.load_reference_data(industries=pets())

    services.load_reference_data(industries=pets(name="Dogs and puppies"))

    assert IndustrySector.objects.get().name == "Dogs and puppies"


def test_what_the_files_retire_is_switched_off_and_stays() -> None:
    services.load_reference_data(industries=pets())

    services.load_reference_data(
        industries=pets(keywords=("dog bed",), retired=("puppy training",), is_active=False)
    )

    assert not IndustrySector.objects.get().is_active
    assert seeds(SeedSource.PACKAGED) == {"dog bed"}
    assert seeds(SeedSource.RETIRED) == {"puppy training"}


def test_what_an_operator_switched_off_stays_off() -> None:
    services.load_reference_data(industries=pets())
    Industry.objects.update(is_active=False)
    SeedKeyword.objects.filter(keyword="dog bed").update(source=SeedSource.RETIRED)
    Plan.objects.filter(code="free").update(max_sites=9)

    services.load_reference_data(industries=pets())

    assert not Industry.objects.get().is_active
    assert seeds(SeedSource.PACKAGED) == {"puppy training"}
    assert Plan.objects.get(code="free").max_sites == 9


def test_a_keyword_that_left_the_files_is_not_removed() -> None:
    services.load_reference_data(industries=pets())

    services.load_reference_data(industries=pets(keywords=("dog bed",)))

    assert seeds(SeedSource.PACKAGED) == {"dog bed", "puppy training"}


def test_a_keyword_that_an_account_brought_becomes_a_packaged_one() -> None:
    services.load_reference_data(industries=pets(keywords=()))
    SeedKeyword.objects.create(
        industry_sector=IndustrySector.objects.get(), keyword="Dog  BED", keyword_norm="dog bed"
    )

    services.load_reference_data(industries=pets())

    assert seeds(SeedSource.PACKAGED) == {"dog bed", "puppy training"}
    assert SeedKeyword.objects.count() == 2


def test_only_packaged_keywords_of_active_sectors_are_shown() -> None:
    services.load_reference_data(industries=pets())
    sector = IndustrySector.objects.get()
    SeedKeyword.objects.create(industry_sector=sector, keyword="canary", keyword_norm="canary")

    shown = [row.keyword for row in selectors.seed_keywords()]
    Industry.objects.update(is_active=False)
    after = selectors.seed_keywords().count()

    assert shown == ["dog bed", "puppy training"]
    assert after == 0


def test_the_database_knows_the_sources_of_a_keyword() -> None:
    services.load_reference_data(industries=pets(keywords=()))
    sector = IndustrySector.objects.get()

    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO igny8_auth_seedkeyword (industry_sector_id, keyword, keyword_norm,"
            " language, created_at) VALUES (%s, 'x', 'x', 'en', now()) RETURNING source",
            [sector.pk],
        )
        default = cursor.fetchone()[0]
    with pytest.raises(IntegrityError), transaction.atomic():
        SeedKeyword.objects.update(source="stolen")

    assert default == SeedSource.ACCOUNT


HEAD = "name='x'\nslug='x'\n[[sectors]]\nname='a'\nslug='a'\n"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("name = 'x'\n", "x.toml: 'sectors'"),
        ("name = 1 =", "x.toml: "),
        (HEAD + 'keywords="b\\nB"', "keyword of a twice: b"),
        (HEAD + "[[sectors]]\nname='b'\nslug='a'", "sector twice: a"),
        (HEAD + 'keywords="a\\u202eb"', "is no keyword"),
    ],
    ids=["no sectors", "no toml", "keyword twice", "sector twice", "unreadable"],
)
def test_a_bad_file_is_named(tmp_path: Path, text: str, fault: str) -> None:
    good, bad = tmp_path / "good.md", tmp_path / "x.toml"
    good.write_text("not read")
    bad.write_text(text)

    with pytest.raises(ReferenceDataInvalid, match=fault):
        read_industries([good, bad])
