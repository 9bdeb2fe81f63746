"""Categories, tags, what articles are to clusters, and facts that they should state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from igny8_core.auth.states import Role
from igny8_core.business.content import selectors
from igny8_core.business.content.services import edit_links, edit_taxonomies
from igny8_core.business.content.states import AttributeType, TaxonomyType
from igny8_core.business.planning import list_selectors
from igny8_core.business.planning.states import ClusterRole
from igny8_core.common.errors import Conflict, InvalidInput, NotFound
from igny8_core.web.lists import heads, one_of, page_number, page_of, text, whole
from igny8_core.web.screens import SectorRequest, dialog, done, render_screen, screen

if TYPE_CHECKING:
    from django.http import HttpResponse, QueryDict

CHANGED: Final = "taxonomies-changed"
CHOICES_MAX: Final = 200
VIEWS: Final = {
    "category": "Categories",
    "tag": "Tags",
    "roles": "Roles in clusters",
    "facts": "Facts to state",
}
COLUMNS: Final = {
    "category": (("Name", "", ""), ("In the address", "", ""), ("Articles there", "num", ""),
                 ("With the site", "", ""), ("", "w-10", "")),
    "roles": (("Article or writing task", "", ""), ("Cluster", "", ""), ("Role", "", ""),
              ("From", "", ""), ("", "w-10", "")),
    "facts": (("Fact", "", ""), ("Value", "", ""), ("Kind", "", ""), ("Of", "", ""),
              ("Read at", "", ""), ("", "w-10", "")),
}  # fmt: skip
SYNC: Final = {
    "native": ("Only here", ""),
    "pending": ("Waits to be sent", "info"),
    "synced": ("The same there", "ok"),
    "failed": ("Differs: failed", "bad"),
}


@require_safe
@screen(role=Role.VIEWER, in_sector=True)
def taxonomies(request: SectorRequest) -> HttpResponse:
    """One of four lists, by ``?view=``."""
    view, q = one_of(request.GET, "view", VIEWS) or "category", text(request.GET, "q")
    page = page_of(_rows(request, view, q), page_number(request.GET))
    rows: Any = page.rows
    if view in TaxonomyType.values:
        rows = [(row, *SYNC[row.sync_status]) for row in page.rows]
    context = {
        "page": page,
        "rows": rows,
        "heads": heads(COLUMNS.get(view, COLUMNS["category"]), ""),
        "view": view,
        "views": list(VIEWS.items()),
        "q": q,
        "is_terms": view in TaxonomyType.values,
        "may_edit": request.role.includes(Role.EDITOR),
    }
    return render_screen(request, "writing/taxonomies.html", part="table", context=context)


def _rows(request: SectorRequest, view: str, q: str) -> Any:
    account = request.account
    if view in TaxonomyType.values:
        return selectors.taxonomies(account=account, q=q, site=request.site, taxonomy_type=view)
    near: dict[str, Any] = {"account": account, "sector": request.sector}
    owners = ("content", "task", "cluster")
    heavy = ("content__html", "content__blocks", "content__provenance")
    if view == "roles":
        rows = selectors.cluster_maps(**near)
        if q:
            rows = rows.filter(cluster__name__icontains=q)
        return rows.select_related(*owners).defer(*heavy).order_by("-pk")
    facts = selectors.content_attributes(q=q, **near)
    return facts.select_related(*owners).defer(*heavy).order_by("-pk")


@require_safe
@screen(role=Role.VIEWER, in_sector=True)
def term(request: SectorRequest, taxonomy_id: int) -> HttpResponse:
    """One category or tag, to be changed."""
    return _term_dialog(request, _term(request, taxonomy_id))


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def save_term(request: SectorRequest) -> HttpResponse:
    """Make a category or tag, or change one; without a name the dialog for a new one."""
    account, given = request.account, request.POST
    kind = one_of(given, "type", TaxonomyType.values) or TaxonomyType.CATEGORY
    taxonomy_id = whole(given, "taxonomy")
    row = _term(request, taxonomy_id) if taxonomy_id else None
    if "name" not in given:
        return _term_dialog(request, row, kind=kind)
    fields = {name: text(given, name) for name in ("name", "slug")}
    fields["description"] = given.get("description", "").strip()
    if not fields["slug"]:
        del fields["slug"]
    try:
        if row is None:
            edit_taxonomies.create_taxonomy(
                account=account, site_id=request.site.pk, taxonomy_type=kind, **fields
            )
        else:
            edit_taxonomies.edit_taxonomy(
                account=account, taxonomy_id=row.pk, changes=fields, now=timezone.now()
            )
    except (InvalidInput, Conflict) as exc:
        return _term_dialog(request, row, kind=kind, error=exc, status=exc.http_status)
    view = row.taxonomy_type if row else kind
    return done(request, "Saved.", to=_list(request, view), event=CHANGED)


def _term_dialog(
    request: SectorRequest,
    row: Any,
    *,
    kind: str = "",
    error: InvalidInput | Conflict | None = None,
    status: int = 200,
) -> HttpResponse:
    names = ("name", "slug", "description")
    given = {name: request.POST.get(name, getattr(row, name, "")) for name in names}
    context = {
        "term": row,
        "kind": row.taxonomy_type if row else kind,
        "given": given,
        "error": error,
        "may_edit": request.role.includes(Role.EDITOR),
    }
    return dialog(request, "writing/term_dialog.html", context=context, status=status)


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def delete_term(request: SectorRequest, taxonomy_id: int) -> HttpResponse:
    """Remove a category or tag for good, after a question."""
    row = _term(request, taxonomy_id)
    if request.POST.get("confirmed") != "1":
        rows = selectors.contents(account=request.account, site=request.site, taxonomy=row)
        context = {"term": row, "articles": rows.count()}
        return dialog(request, "writing/term_delete_dialog.html", context=context)
    edit_taxonomies.delete_taxonomy(account=request.account, taxonomy_id=row.pk)
    return done(request, "Removed.", to=_list(request, row.taxonomy_type), event=CHANGED)


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def save_role(request: SectorRequest) -> HttpResponse:
    """Say what an article is to a cluster, or change that; without a role the dialog."""
    account, given = request.account, request.POST
    map_id, role = whole(given, "map"), one_of(given, "role", ClusterRole.values)
    if map_id:
        _check_sector(request, selectors.cluster_map(account=account, cluster_map_id=map_id))
        edit_links.edit_cluster_map(account=account, cluster_map_id=map_id, role=role or None)
        return done(request, "Saved.", to=_list(request, "roles"), event=CHANGED)
    if not role:
        return dialog(request, "writing/role_dialog.html", context=_choices(request))
    try:
        edit_links.create_cluster_map(
            account=account,
            cluster_id=whole(given, "cluster") or 0,
            content_id=whole(given, "content") or 0,
            role=role,
        )
    except (InvalidInput, Conflict) as exc:
        context = _choices(request) | {"error": exc}
        return dialog(request, "writing/role_dialog.html", context=context, status=exc.http_status)
    return done(request, "Saved.", to=_list(request, "roles"), event=CHANGED)


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def delete_role(request: SectorRequest, map_id: int) -> HttpResponse:
    """Take a role away; article and cluster stay."""
    row = selectors.cluster_map(account=request.account, cluster_map_id=map_id)
    _check_sector(request, row)
    edit_links.delete_cluster_map(account=request.account, cluster_map_id=row.pk)
    given = {"cluster": row.cluster_id, "content": row.content_id, "role": row.role}
    undo = _undo(request, "taxonomy_role_save", given) if row.content_id else None
    return done(request, "Removed.", to=_list(request, "roles"), event=CHANGED, undo=undo)


@require_safe
@screen(role=Role.VIEWER, in_sector=True)
def fact(request: SectorRequest, attribute_id: int) -> HttpResponse:
    """One fact, to be changed."""
    return _fact_dialog(request, _fact(request, attribute_id))


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def save_fact(request: SectorRequest) -> HttpResponse:
    """Note a fact of a cluster or an article, or change one; without a name the dialog."""
    account, given = request.account, request.POST
    attribute_id = whole(given, "attribute")
    row = _fact(request, attribute_id) if attribute_id else None
    if "name" not in given:
        return _fact_dialog(request, row)
    try:
        if row is None:
            edit_links.create_attribute(
                account=account,
                cluster_id=whole(given, "cluster"),
                content_id=whole(given, "content"),
                **_fields(given),
            )
        else:
            edit_links.edit_attribute(account=account, attribute_id=row.pk, changes=_fields(given))
    except (InvalidInput, Conflict) as exc:
        return _fact_dialog(request, row, error=exc, status=exc.http_status)
    return done(request, "Saved.", to=_list(request, "facts"), event=CHANGED)


def _fields(given: QueryDict) -> dict[str, Any]:
    fields: dict[str, Any] = {name: text(given, name) for name in ("name", "unit", "source")}
    fields["value"] = given.get("value", "").strip()
    kind = one_of(given, "attribute_type", AttributeType.values)
    return fields | {"attribute_type": kind or AttributeType.PRODUCT_SPEC}


def _fact_dialog(
    request: SectorRequest,
    row: Any,
    *,
    error: InvalidInput | Conflict | None = None,
    status: int = 200,
) -> HttpResponse:
    names = ("name", "value", "unit", "source", "attribute_type")
    context = ({} if row else _choices(request)) | {
        "fact": row,
        "given": {name: request.POST.get(name, getattr(row, name, "")) for name in names},
        "kinds": [(one.value, one.label.capitalize()) for one in AttributeType],
        "error": error,
        "may_edit": request.role.includes(Role.EDITOR),
    }
    return dialog(request, "writing/fact_dialog.html", context=context, status=status)


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def delete_fact(request: SectorRequest, attribute_id: int) -> HttpResponse:
    """Forget a fact."""
    row = _fact(request, attribute_id)
    edit_links.delete_attribute(account=request.account, attribute_id=row.pk)
    names = ("name", "value", "unit", "source", "attribute_type")
    given = {name: getattr(row, name) for name in names}
    given |= {"cluster": row.cluster_id, "content": row.content_id}
    may_undo = row.cluster_id is not None or row.content_id is not None
    undo = _undo(request, "taxonomy_fact_save", given) if may_undo else None
    return done(request, "Removed.", to=_list(request, "facts"), event=CHANGED, undo=undo)


def _undo(request: SectorRequest, name: str, given: dict[str, Any]) -> dict[str, Any]:
    """A form that makes again what was removed."""
    address = reverse(name, args=[request.site.pk, request.sector.pk])
    values = {key: str(value) for key, value in given.items() if value is not None}
    return {"label": "Undo", "url": address, "values": values}


def _choices(request: SectorRequest) -> dict[str, Any]:
    """What a new row may hang on: clusters by name, the newest articles."""
    rows = selectors.contents(account=request.account, sector=request.sector)
    return {
        "clusters": list_selectors.cluster_choices(account=request.account, sector=request.sector),
        "articles": list(rows.values_list("pk", "title")[:CHOICES_MAX]),
        "roles": [(one.value, one.label.capitalize()) for one in ClusterRole],
        "given": request.POST,
    }


def _term(request: SectorRequest, taxonomy_id: int) -> Any:
    found = selectors.taxonomy(account=request.account, taxonomy_id=taxonomy_id)
    if found.site_id != request.site.pk:
        raise NotFound("no such taxonomy", taxonomy_id=taxonomy_id)
    return found


def _fact(request: SectorRequest, attribute_id: int) -> Any:
    found = selectors.content_attribute(account=request.account, attribute_id=attribute_id)
    _check_sector(request, found)
    return found


def _check_sector(request: SectorRequest, row: Any) -> None:
    if row.sector_id != request.sector.pk:
        raise NotFound("it is of another sector", id=row.pk)


def _list(request: SectorRequest, view: str) -> str:
    return f"{reverse('taxonomies', args=[request.site.pk, request.sector.pk])}?view={view}"
