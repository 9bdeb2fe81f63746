"""``igny8 content``: articles listed, read, written, judged and reviewed from a terminal."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from igny8_core.cli.content import ARTICLE, content, run_for
from igny8_core.cli.keywords import DATA_DIR, JSON, SITE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from igny8_core.auth.models import Account

__all__ = ["content"]

STATUSES = ("draft", "review", "published")
SHOWN_SPANS = 3


@content.command("list")
@SITE
@click.option("--status", type=click.Choice(STATUSES), help="Of this status only.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@JSON
@DATA_DIR
def list_articles(
    *, site_id: int, status: str | None, limit: int, as_json: bool, data_dir: Path | None
) -> None:
    """List the articles of a site, newest first."""
    report = run_for(site_id, data_dir, _list, site_id, status, limit)
    _say(report, _lines_of_list, as_json=as_json)


@content.command()
@ARTICLE
@SITE
@JSON
@DATA_DIR
def show(*, content_id: int, site_id: int, as_json: bool, data_dir: Path | None) -> None:
    """Show one article with its text."""
    report = run_for(site_id, data_dir, _show, content_id)
    _say(report, _lines_of_article, as_json=as_json)


@content.command()
@click.argument("writing_task_id", type=int)
@SITE
@JSON
@DATA_DIR
def brief(*, writing_task_id: int, site_id: int, as_json: bool, data_dir: Path | None) -> None:
    """Show what the writer of a writing task would get."""
    report = run_for(site_id, data_dir, _brief, writing_task_id)
    _say(report, _lines_of_brief, as_json=as_json)


@content.command()
@click.argument("writing_task_id", type=int)
@SITE
@JSON
@DATA_DIR
def write(*, writing_task_id: int, site_id: int, as_json: bool, data_dir: Path | None) -> None:
    """Write the article of a writing task, here and now. Costs credits; safe to repeat."""
    report = run_for(site_id, data_dir, _write, writing_task_id, changes=True)
    _say(
        report,
        lambda r: [f"article {r['id']}: {r['title']}, {r['words']:,} words"],
        as_json=as_json,
    )


@content.command()
@ARTICLE
@SITE
@JSON
@DATA_DIR
def gates(*, content_id: int, site_id: int, as_json: bool, data_dir: Path | None) -> None:
    """Judge an article as it stands. Exit 1 when something stops it."""
    report = run_for(site_id, data_dir, _gates, content_id)
    _say(report, _lines_of_gates, as_json=as_json)
    if report["stopped"]:
        raise SystemExit(1)


@content.command()
@ARTICLE
@SITE
@JSON
@DATA_DIR
def verdicts(*, content_id: int, site_id: int, as_json: bool, data_dir: Path | None) -> None:
    """Show what the gates said of an article so far, and why they were overridden."""
    report = run_for(site_id, data_dir, _verdicts, content_id)
    _say(report, _lines_of_verdicts, as_json=as_json)


@content.command()
@ARTICLE
@SITE
@JSON
@DATA_DIR
def duplicates(*, content_id: int, site_id: int, as_json: bool, data_dir: Path | None) -> None:
    """Compare an article with all others of its site, on this machine."""
    report = run_for(site_id, data_dir, _duplicates, content_id)
    _say(report, _lines_of_duplicates, as_json=as_json)


@content.command()
@ARTICLE
@SITE
@click.option("--dry-run", is_flag=True, help="Only say what would come of it.")
@JSON
@DATA_DIR
def reparse(
    *, content_id: int, site_id: int, dry_run: bool, as_json: bool, data_dir: Path | None
) -> None:
    """Turn the HTML of an article into blocks, as its next version."""
    report = run_for(
        site_id, data_dir, partial(_reparse, is_dry=dry_run), content_id, changes=not dry_run
    )
    _say(report, _lines_of_blocks, as_json=as_json)


@content.command()
@ARTICLE
@SITE
@click.option("--insert", is_flag=True, help="Set the links of this article, as its next version.")
@JSON
@DATA_DIR
def links(
    *, content_id: int, site_id: int, insert: bool, as_json: bool, data_dir: Path | None
) -> None:
    """Show where articles mention each other and could link."""
    report = run_for(site_id, data_dir, partial(_links, insert=insert), content_id, changes=insert)
    _say(report, _lines_of_links, as_json=as_json)


@content.command()
@click.argument("content_ids", type=int, nargs=-1, required=True)
@SITE
@click.option("--reason", default="", help="Why they may go out although soft gates failed.")
@JSON
@DATA_DIR
def approve(
    *,
    content_ids: tuple[int, ...],
    site_id: int,
    reason: str,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """Approve articles in review as they stand: all of them or none.

    What their gates refuse is named; hard gates take no reason.
    """
    report = run_for(site_id, data_dir, _approve, content_ids, reason, changes=True)
    _say(report, lambda r: [f"{r['changed']} approved"], as_json=as_json)


@content.command("send-back")
@click.argument("content_ids", type=int, nargs=-1, required=True)
@SITE
@click.option("--note", required=True, help="Why; the writer reads it.")
@JSON
@DATA_DIR
def send_back(
    *, content_ids: tuple[int, ...], site_id: int, note: str, as_json: bool, data_dir: Path | None
) -> None:
    """Give articles in review back to their writers: all of them or none."""
    report = run_for(site_id, data_dir, _send_back, content_ids, note, changes=True)
    _say(report, lambda r: [f"{r['changed']} sent back"], as_json=as_json)


def _say(
    report: dict[str, Any], lines: Callable[[dict[str, Any]], list[str]], *, as_json: bool
) -> None:
    if as_json:
        click.echo(json.dumps(report, default=str))
        return
    for line in lines(report):
        click.echo(line)


# --- what each command asks for


def _list(account: Account, site_id: int, status: str | None, limit: int) -> dict[str, Any]:
    from igny8_core.auth import selectors as accounts
    from igny8_core.business.content import selectors
    from igny8_core.business.content.snapshots import reading_minutes
    from igny8_core.business.content.states import ContentStatus
    from igny8_core.common.tenancy.context import tenant

    columns = ("id", "title", "status", "word_count", "version", "approved_version", "publish_at")
    with tenant(account.pk, read_only=True):
        site = accounts.site(account=account, site_id=site_id)
        wanted = ContentStatus(status) if status else None
        rows = selectors.contents(account=account, site=site, status=wanted)
        found = [dict(row) for row in rows.values(*columns)[:limit]]
    for row in found:
        row["reading_minutes"] = reading_minutes(row["word_count"])
        row["is_approved"] = row.pop("approved_version") == row["version"]
    return {"articles": found}


def _show(account: Account, content_id: int) -> dict[str, Any]:
    from igny8_core.business.content import selectors
    from igny8_core.business.content.services.content_text import text_parts
    from igny8_core.common.tenancy.context import tenant

    names = (
        "id", "title", "slug", "status", "version", "approved_version", "word_count", "language",
        "meta_title", "meta_description", "excerpt", "primary_keyword", "review_note",
        "publish_at", "provenance", "html",
    )  # fmt: skip
    with tenant(account.pk, read_only=True):
        row = selectors.content(account=account, content_id=content_id)
        texts = [part.text for part in text_parts(row.blocks, row.html)]
    return {name: getattr(row, name) for name in names} | {"texts": texts}


def _brief(account: Account, writing_task_id: int) -> dict[str, Any]:
    from igny8_core.business.content.services.gather_brief import show_brief

    found = show_brief(account=account, writing_task_id=writing_task_id)
    outline = [asdict(section) for section in found.outline]
    return asdict(found.brief) | {"outline": outline, "is_demo": found.is_demo}


def _write(account: Account, writing_task_id: int) -> dict[str, Any]:
    from django.utils import timezone

    from igny8_core.business.content.services.generation import generate_content

    row = generate_content(
        account=account,
        writing_task_id=writing_task_id,
        fence=lambda: None,
        clock=timezone.now,
    )
    return {"id": row.pk, "title": row.title, "words": row.word_count, "version": row.version}


def _gates(account: Account, content_id: int) -> dict[str, Any]:
    from igny8_core.business.content.services.content_gates import content_gates

    found = content_gates(account=account, content_id=content_id)
    return {
        "id": content_id,
        "stopped": [one.gate for one in found if one.is_hard and not one.passed],
        "gates": [
            asdict(one) | {"kind": one.kind, "passed": one.passed, "fix": one.fix} for one in found
        ],
    }


def _verdicts(account: Account, content_id: int) -> dict[str, Any]:
    from igny8_core.business.content import selectors
    from igny8_core.common.tenancy.context import tenant

    names = ("version", "step", "outcome", "failed", "reason", "decided_by_id", "created_at")
    with tenant(account.pk, read_only=True):
        row = selectors.content(account=account, content_id=content_id)
        found = selectors.verdicts(account=account, content_id=row.pk).values(*names)
        return {"id": content_id, "verdicts": [dict(one) for one in found]}


def _duplicates(account: Account, content_id: int) -> dict[str, Any]:
    from igny8_core.business.content.services.duplicates import find_duplicates

    return asdict(find_duplicates(account=account, content_id=content_id))


def _reparse(account: Account, content_id: int, *, is_dry: bool) -> dict[str, Any]:
    from django.utils import timezone

    from igny8_core.business.content.services.reparse_content import (
        preview_blocks,
        reparse_content,
    )

    found = (
        preview_blocks(account=account, content_id=content_id)
        if is_dry
        else reparse_content(account=account, content_id=content_id, now=timezone.now())
    )
    return {
        "id": content_id,
        "version": found.content.version,
        "is_new": found.is_new,
        "words_before": found.words_before,
        "words": found.words,
        "lost": found.lost,
        "blocks": found.blocks,
    }


def _links(account: Account, content_id: int, *, insert: bool) -> dict[str, Any]:
    from django.utils import timezone

    from igny8_core.business.content.services.suggest_links import insert_links, suggest_links

    found = [asdict(one) for one in suggest_links(account=account, content_id=content_id)]
    report: dict[str, Any] = {"id": content_id, "links": found}
    if insert:
        row = insert_links(account=account, content_id=content_id, now=timezone.now())
        report["version"] = row.version
    return report


def _approve(account: Account, content_ids: tuple[int, ...], reason: str) -> dict[str, Any]:
    from django.utils import timezone

    from igny8_core.business.publishing.services.hand_over import approve_contents

    changed = approve_contents(
        account=account, content_ids=content_ids, reason=reason, now=timezone.now()
    )
    return {"changed": changed}


def _send_back(account: Account, content_ids: tuple[int, ...], note: str) -> dict[str, Any]:
    from django.utils import timezone

    from igny8_core.business.content.services.review import send_contents_back

    changed = send_contents_back(
        account=account, content_ids=content_ids, note=note, now=timezone.now()
    )
    return {"changed": changed}


# --- how a person reads it


def _lines_of_list(report: dict[str, Any]) -> list[str]:
    return [
        f"{row['id']:>7}  {row['status']:<9}  {row['word_count']:>6,} words"
        f"  {row['reading_minutes']:>3} min  {row['title']}"
        f"{'  (approved)' if row['is_approved'] and row['status'] == 'review' else ''}"
        f"{'  goes live ' + str(row['publish_at']) if row['publish_at'] else ''}"
        for row in report["articles"]
    ] or ["no articles"]


def _lines_of_article(report: dict[str, Any]) -> list[str]:
    head = (
        f"{report['title']}  ({report['status']}, version {report['version']},"
        f" {report['word_count']:,} words)"
    )
    return [head, report["meta_description"], "", *report["texts"]]


def _lines_of_brief(report: dict[str, Any]) -> list[str]:
    keywords = ", ".join(keyword["text"] for keyword in report["keywords"])
    lines = [
        f"{report['title']}: {report['role']}, {report['target_words']:,} words,"
        f" {report['language']}",
        f"keywords: {keywords}",
    ]
    lines += [f"fact: {name}: {value}" for name, value in report["attributes"]]
    lines += [f"link to article {link['content_id']}: {link['title']}" for link in report["links"]]
    lines += [
        f"  {section['kind']:<8} {section['target_words']:>5}  {section['heading']}"
        for section in report["outline"]
    ]
    return lines


def _lines_of_gates(report: dict[str, Any]) -> list[str]:
    lines = []
    for gate in report["gates"]:
        mark = "ok" if gate["passed"] else ("stops" if gate["is_hard"] else "warns")
        lines.append(f"{mark:<6} {gate['gate']}")
        lines += [f"         {problem}" for problem in gate["problems"]]
        if gate["fix"]:
            lines.append(f"         -> {gate['fix']}")
    return lines


def _lines_of_verdicts(report: dict[str, Any]) -> list[str]:
    lines = []
    for one in report["verdicts"]:
        why = f": {one['reason']}" if one["reason"] else ""
        lines.append(f"version {one['version']}, {one['step']}: {one['outcome']}{why}")
        lines += [
            f"         {gate['gate']} ({gate['kind']}): {'; '.join(gate['problems'])}"
            for gate in one["failed"]
        ]
    return lines or ["the gates were not asked yet"]


def _lines_of_duplicates(report: dict[str, Any]) -> list[str]:
    lines = [
        f"{report['unique_percent']} % of its word sequences are on no other page"
        f" ({report['compared']:,} compared)"
    ]
    for one in report["duplicates"]:
        lines.append(f"{one['percent']:>4} %  article {one['content_id']}: {one['title']}")
        lines += [f"         “{span['text']}”" for span in one["spans"][:SHOWN_SPANS]]
    return lines


def _lines_of_blocks(report: dict[str, Any]) -> list[str]:
    if not report["is_new"]:
        return ["it is of blocks already"]
    lost = ", ".join(f"{count} {what}" for what, count in report["lost"].items()) or "nothing"
    return [
        f"{len(report['blocks'])} blocks, {report['words']:,} words"
        f" (before: {report['words_before']:,}); lost: {lost}"
    ]


def _lines_of_links(report: dict[str, Any]) -> list[str]:
    return [
        f"article {one['source_id']} says “{one['anchor']}”: link to article {one['target_id']},"
        f" {one['target_title']} ({one['reason']})"
        for one in report["links"]
    ] or ["nothing to link"]
