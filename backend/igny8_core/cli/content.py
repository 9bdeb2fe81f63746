"""``igny8 content``: articles from a terminal."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from igny8_core.cli.database import database
from igny8_core.cli.keywords import DATA_DIR, JSON, SITE, account_of
from igny8_core.common.errors import DomainError

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from igny8_core.auth.models import Account

TERMS_SHOWN = 20
ARTICLE = click.argument("content_id", type=int)


@click.group()
def content() -> None:
    """Articles: listed, written, judged, scored and reviewed."""


@content.command()
@ARTICLE
@SITE
@JSON
@DATA_DIR
def score(*, content_id: int, site_id: int, as_json: bool, data_dir: Path | None) -> None:
    """Score an article, keep the score, and say where its points went."""
    report = run_for(site_id, data_dir, _score, content_id, changes=True)
    if as_json:
        click.echo(json.dumps(report))
        return
    if report["score"] is None:
        click.echo(f"not scored: {report['reason']}")
        return
    click.echo(f"{report['score']} of 100 (scorer {report['scorer_version']})")
    for line in report["lost"]:
        click.echo(f"  -{line['points']:>5}  {line['title']}: {line['found']} {line['advice']}")
    for cap in report["caps"]:
        click.echo(f"  at most {cap['most']}: {cap['title']}. {cap['advice']}")


@content.command()
@ARTICLE
@SITE
@click.option("--automatic", is_flag=True, help="Accept what wins points and loses nothing.")
@click.option("--rules", is_flag=True, help="Ask no model; costs nothing.")
@JSON
@DATA_DIR
def optimize(
    *,
    content_id: int,
    site_id: int,
    automatic: bool,
    rules: bool,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """Make an article better, or say why not. Costs credits when its score rises by a model."""
    report = run_for(site_id, data_dir, _optimize, content_id, automatic, rules, changes=True)
    if as_json:
        click.echo(json.dumps(report))
        return
    click.echo(
        f"{report['outcome']}: {report['score_before']} -> {report['score_after']},"
        f" {len(report['changes'])} changes, {report['credits']} credits"
        f" (optimisation {report['optimization_task_id']})"
    )
    for line in [*report["reasons"], *report["refused"]]:
        click.echo(f"  {line}")


@content.command()
@click.argument("cluster_id", type=int)
@click.argument("file", type=click.File(encoding="utf-8-sig"))
@click.option("--market", required=True, help="The country whose results these are, such as DE.")
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), required=True, help="Of the search.")
@SITE
@JSON
@DATA_DIR
def results(
    *,
    cluster_id: int,
    file: Any,
    market: str,
    day: datetime,
    site_id: int,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """Bring the pages that a search found for a cluster: a JSON list of text or terms.

    Nothing is fetched, and of the texts their terms alone are kept.
    """
    try:
        text = file.read()
    except UnicodeDecodeError as exc:
        raise click.BadParameter("The file is no text in UTF-8.", param_hint="FILE") from exc
    report = run_for(site_id, data_dir, _results, cluster_id, market, day, text, changes=True)
    if as_json:
        click.echo(json.dumps(report))
        return
    click.echo(f"{report['documents']} pages, {len(report['terms'])} terms (sample {report['id']})")
    for term in report["terms"][:TERMS_SHOWN]:
        click.echo(f"  {term['documents']:>3}  {term['text']}")


def run_for(
    site_id: int, data_dir: Path | None, work: Any, *arguments: Any, changes: bool = False
) -> dict[str, Any]:
    """Run ``work(account, …)`` for a site's account.

    A refusal is one line, and one for each thing that is wrong; and exit 1.

    :param changes: whether something is to be changed or started.
    """
    try:
        with database(data_dir):
            found: dict[str, Any] = work(account_of(site_id, changes=changes), *arguments)
            return found
    except DomainError as exc:
        click.echo(f"igny8 content: {exc.message} [{exc.code}]", err=True)
        for text in exc.texts:
            click.echo(f"  {text}", err=True)
        sys.exit(1)


def _results(
    account: Account, cluster_id: int, market: str, day: datetime, text: str
) -> dict[str, Any]:
    from django.utils import timezone

    from igny8_core.business.content.services.serp_samples import add_serp_sample
    from igny8_core.business.content.services.serp_terms import SerpDocument
    from igny8_core.common.errors import InvalidInput

    try:
        documents = [
            SerpDocument(str(one.get("text", "")), tuple(map(str, one.get("terms", ()))))
            for one in json.loads(text)
        ]
    except (AttributeError, TypeError, ValueError, RecursionError):
        raise InvalidInput("not a JSON list of pages", documents=["text or terms each"]) from None
    row = add_serp_sample(
        account=account,
        cluster_id=cluster_id,
        market=market,
        taken_on=day.date(),
        documents=documents,
        now=timezone.now(),
    )
    return {"id": row.pk, "documents": row.documents, "terms": row.terms}


def _score(account: Account, content_id: int) -> dict[str, Any]:
    from django.utils import timezone

    from igny8_core.business.content.services.score_content import measure_content, score_content
    from igny8_core.business.content.services.scoring_messages import (
        fix_text,
        found_text,
        title_of,
    )
    from igny8_core.common.tenancy.context import tenant

    with tenant(account.pk):
        score_content(account=account, content_id=content_id, now=timezone.now())
        _, found = measure_content(account=account, content_id=content_id)
    lost = [(check, check.as_json()) for check in found.lost]
    return {
        "content_id": content_id,
        "score": found.score,
        "reason": found.reason,
        "earned": found.earned,
        "max": found.max,
        "scorer_version": found.scorer_version,
        "caps": [
            {"most": cap.most, "title": title_of(cap.cap), "advice": fix_text(cap.as_json()["fix"])}
            for cap in found.caps
        ],
        "lost": [
            {
                "check": check.check,
                "points": f"{check.lost / 100:.2f}",
                "title": title_of(check.check),
                "found": found_text(stored),
                "advice": fix_text(stored["fix"]),
            }
            for check, stored in lost
        ],
    }


def _optimize(account: Account, content_id: int, is_automatic: Any, is_by_rules: Any) -> Any:
    from django.utils import timezone

    from igny8_core.business.automation.services.requests import optimization_to_do
    from igny8_core.business.optimization.services.optimize_content import optimize_content
    from igny8_core.common.tenancy.context import tenant

    with tenant(account.pk):
        task = optimization_to_do(
            account=account,
            content_id=content_id,
            is_automatic=is_automatic,
            is_by_rules=is_by_rules,
        )
    row = optimize_content(
        account=account, optimization_task_id=task.pk, fence=lambda: None, clock=timezone.now
    )
    return {
        "optimization_task_id": row.pk,
        "outcome": row.outcome,
        "score_before": row.scores_before["score"],
        "score_after": row.scores_after["score"],
        "credits": row.credits_used,
        "changes": row.metadata["changes"],
        "reasons": row.metadata["reasons"],
        "refused": [f"{r['reason']}: {', '.join(r['detail'])}" for r in row.metadata["refused"]],
    }
