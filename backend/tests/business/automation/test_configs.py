"""A site's schedule is made once, changed, switched, taken away; what makes no sense is refused."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

import pytest

from igny8_core.business.automation.errors import ConfigExists
from igny8_core.business.automation.models import AutomationConfig, AutomationRun
from igny8_core.business.automation.services import configs, runs, schedules
from igny8_core.common.errors import InvalidInput, NotFound
from tests import make

if TYPE_CHECKING:
    from igny8_core.auth.models import Account, Site

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def site(account: Account) -> Site:
    return make.site(account, timezone="Europe/Paris")


def made(site: Site, **columns: object) -> AutomationConfig:
    return configs.create_config(account=site.account, site_id=site.pk, now=NOW, **columns)


def test_a_site_gets_one_config(site: Site) -> None:
    config = made(site)

    with pytest.raises(ConfigExists) as refused:
        made(site)

    assert refused.value.data == {"config_id": config.pk}
    assert (config.timezone, config.scheduled_time) == ("Europe/Paris", time(9))
    assert AutomationConfig.unscoped.count() == 1


def test_another_schedule_has_another_next_run(site: Site) -> None:
    config = made(site, is_enabled=True, scheduled_time=time(14))
    spread = schedules.spread_of(site.pk)

    moved = configs.change_config(
        account=site.account, config_id=config.pk, scheduled_time=time(20), now=NOW
    )
    off = configs.change_config(
        account=site.account, config_id=config.pk, is_enabled=False, now=NOW
    )

    assert config.next_run_at == datetime(2026, 6, 1, 12, tzinfo=UTC) + spread
    assert moved.next_run_at == datetime(2026, 6, 1, 18, tzinfo=UTC) + spread
    assert off.next_run_at is None


def test_a_slot_that_is_due_is_not_lost_by_another_batch_size(site: Site) -> None:
    config = made(site, is_enabled=True)
    AutomationConfig.unscoped.filter(pk=config.pk).update(next_run_at=NOW)

    changed = configs.change_config(
        account=site.account, config_id=config.pk, stage_4_batch_size=3, now=LATER
    )

    assert (changed.next_run_at, changed.stage_4_batch_size) == (NOW, 3)


@pytest.mark.parametrize(
    ("columns", "field"),
    [
        ({"weekday": 7}, "weekday"),
        ({"day_of_month": 0}, "day_of_month"),
        ({"stage_6_batch_size": configs.MAX_BATCH + 1}, "stage_6_batch_size"),
        ({"within_stage_delay_seconds": -1}, "within_stage_delay_seconds"),
        (
            {"between_stage_delay_seconds": configs.MAX_DELAY_SECONDS + 1},
            "between_stage_delay_seconds",
        ),
        ({"misfire_grace_seconds": configs.MAX_GRACE_SECONDS + 1}, "misfire_grace_seconds"),
        ({"max_credits_per_run": 0}, "max_credits_per_run"),
    ],
)
def test_a_number_beyond_its_limits_is_refused(
    site: Site, columns: dict[str, object], field: str
) -> None:
    config = made(site)

    with pytest.raises(InvalidInput) as refused:
        configs.change_config(account=site.account, config_id=config.pk, now=NOW, **columns)

    assert list(refused.value.data) == [field]
    config.refresh_from_db()
    assert getattr(config, field) not in columns.values()


def test_a_config_goes_and_its_runs_stay(site: Site) -> None:
    config = made(site)
    run = runs.start_run(account=site.account, site_id=site.pk, now=NOW)

    configs.delete_config(account=site.account, config_id=config.pk)

    run.refresh_from_db()
    assert run.config_id is None
    assert not AutomationConfig.unscoped.exists()
    assert AutomationRun.unscoped.get() == run


def test_another_accounts_config_is_not_there(site: Site) -> None:
    config, other = made(site), make.account()

    with pytest.raises(NotFound):
        configs.change_config(account=other, config_id=config.pk, is_enabled=True, now=NOW)
    with pytest.raises(NotFound):
        configs.delete_config(account=other, config_id=config.pk)

    config.refresh_from_db()
    assert not config.is_enabled
