"""Tags and filters of every template: links that keep the scope, small charts, words for numbers.

Charts are SVG in the page: they print, follow the theme, need no script and can be tested as text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django import template
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from igny8_core.common.html import sanitize_html
from igny8_core.web.assets import asset_url

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from django.template import Context

register = template.Library()

KD_BANDS: Final = (15, 30, 50, 70, 85)
KD_WORDS: Final = ("Very easy", "Easy", "Possible", "Difficult", "Hard", "Very hard")
STEADY: Final = 0.12
TREND_MONTHS: Final = 3
UNKNOWN: Final = "\N{EN DASH}"
MINUTE, HOUR = 60, 3600
THOUSAND, MILLION = 1_000, 1_000_000
CENT_MICROS: Final = 10_000


@register.filter
def kd_band(difficulty: float) -> int:
    """1 (very easy) to 6 (very hard), from a difficulty of 0 to 100."""
    return 1 + sum(difficulty >= limit for limit in KD_BANDS)


@register.filter
def kd_word(difficulty: float) -> str:
    """The word for a difficulty."""
    return KD_WORDS[kd_band(difficulty) - 1]


@register.filter
def number(value: object) -> str:
    """A number with its thousands set apart; what is unknown is a dash, never 0."""
    if not isinstance(value, int | float):
        return UNKNOWN
    return f"{value:,.0f}"


@register.filter
def counted(value: object, words: str) -> str:
    """A number with its noun: ``1 keyword``, ``1,234 keywords``.

    :param words: the noun, and after a comma its plural where that is not one with an s.
    """
    if isinstance(value, str) and value.isdigit():
        value = int(value)
    one, _, many = words.partition(",")
    return f"{number(value)} {one if value == 1 else many or one + 's'}"


@register.filter
def short(value: float | None) -> str:
    """A number in few characters: 1.2k, 3.4M."""
    if value is None:
        return UNKNOWN
    for size, letter in ((MILLION, "M"), (THOUSAND, "k")):
        if value >= size:
            text = f"{value / size:.1f}" if value < size * 100 else f"{value / size:.0f}"
            return text.removesuffix(".0") + letter
    return f"{value:,.0f}"


@register.filter
def money(minor: int | None, currency: str = "") -> str:
    """Minor units as an amount."""
    if minor is None:
        return UNKNOWN
    sign = {"USD": "$", "EUR": "€", "GBP": "£"}.get(currency, f"{currency} " if currency else "")
    return f"{sign}{minor / 100:,.2f}"


@register.filter
def dollars(micros: int | None) -> str:
    """Millionths of a dollar as an amount, with more digits where it is less than a cent."""
    if micros is None:
        return UNKNOWN
    digits = 4 if 0 < micros < CENT_MICROS else 2
    return f"${micros / MILLION:,.{digits}f}"


@register.filter
def took(value: timedelta | float | None) -> str:
    """A length of time in its two largest units: 4m 18s."""
    if value is None:
        return UNKNOWN
    seconds = round(value if isinstance(value, int | float) else value.total_seconds())
    if seconds < MINUTE:
        return f"{seconds}s"
    if seconds < HOUR:
        return f"{seconds // MINUTE}m {seconds % MINUTE:02d}s"
    return f"{seconds // HOUR}h {seconds % HOUR // MINUTE:02d}m"


@register.filter
def signed(value: int) -> str:
    """A change with its sign, the minus as long as the plus."""
    return f"{value:+,}".replace("-", "\N{MINUS SIGN}") if value else "0"


@register.filter
def attribute(row: object, name: str) -> Any:
    """A column of a row by a name that is only known here."""
    return getattr(row, name)


@register.filter
def lookup(mapping: dict[Any, Any], key: Any) -> Any:
    """A value by a key that is only known here; empty without one."""
    return mapping.get(key, "")


@register.simple_tag(takes_context=True)
def screen(context: Context, name: str, **kwargs: Any) -> str:
    """Link to a screen in the site and sector that are shown."""
    request = context["request"]
    site, sector = request.site, request.sector
    if site is None or sector is None:
        shell = context["shell"]
        site, sector = shell.site, shell.sector
    if site is None or sector is None:
        return reverse("home")
    return reverse(name, kwargs={"site_id": site.pk, "sector_id": sector.pk, **kwargs})


@register.simple_tag(takes_context=True)
def same_screen(context: Context, sector_id: int) -> str:
    """This screen in another sector; the keywords where it shows a row of this one."""
    request = context["request"]
    match, of = request.resolver_match, {"site_id": request.site.pk, "sector_id": sector_id}
    name = match.url_name if match.kwargs.keys() == of.keys() else "keywords"
    return reverse(name, kwargs=of)


@register.simple_tag(takes_context=True)
def account_screen(context: Context, name: str, *args: Any) -> str:
    """Link to a screen of the account that is shown."""
    account = getattr(context["request"], "account", None)
    address = reverse(name, args=args)
    return address if account is None else f"{address}?account={account.pk}"


@register.simple_tag(takes_context=True)
def qs(context: Context, **changes: str | int) -> str:
    """Link to this page with changes; the page number goes unless it is one of them."""
    query = context["request"].GET.copy()
    for name, value in {"page": "", **changes}.items():
        query.pop(name, None)
        if value != "":
            query[name] = str(value)
    return f"?{query.urlencode()}" if query else str(context["request"].path)


@register.simple_tag(takes_context=True)
def is_current(context: Context, *names: str) -> bool:
    """Whether the page that is shown is one of these, or begins with one of them."""
    match = context["request"].resolver_match
    return match is not None and (match.url_name or "").startswith(names)


@register.simple_tag
def asset(name: str) -> str:
    """Address of a compiled script, style or font."""
    return asset_url(name)


@register.simple_tag
def spark(values: Sequence[float | None] | None) -> SafeString | str:
    """Draw a sparkline, its trend also in words. Nothing for fewer than two known values."""
    known = [value for value in values or () if value is not None]
    if len(known) < 2:  # noqa: PLR2004
        return UNKNOWN
    low, span = min(known), (max(known) - min(known)) or 1
    step = 76 / (len(known) - 1)
    points = (f"{i * step:.1f} {20 - (v - low) / span * 18:.1f}" for i, v in enumerate(known))
    first, last = sum(known[:TREND_MONTHS]), sum(known[-TREND_MONTHS:])
    change = (last - first) / (first or max(known) or 1)
    tone = "up" if change > STEADY else "down" if change < -STEADY else ""
    return format_html(
        '<svg class="spark {}" viewBox="0 0 76 22" role="img" aria-label="Trend {}">'
        '<path d="M{}"/></svg>',
        tone,
        f"{change:+.0%}",
        " L".join(points),
    )


@register.simple_tag
def bars(values: Sequence[int], label: str) -> SafeString:
    """Draw columns, the last one today's. The page says the figures in a table beside it."""
    top = max([*values, 1])
    step = 600 / max(len(values), 1)
    rows = (
        (f"{i * step + step * 0.12:.1f}", f"{100 - v / top * 96:.1f}", f"{step * 0.76:.1f}",
         f"{max(v / top * 96, 0.6):.1f}")
        for i, v in enumerate(values)
    )  # fmt: skip
    drawn = format_html_join("", '<rect x="{}" y="{}" width="{}" height="{}" rx="1.5"/>', rows)
    return format_html(
        '<svg class="bars" viewBox="0 0 600 101" preserveAspectRatio="none" role="img"'
        ' aria-label="{}">{}<line x1="0" x2="600" y1="100" y2="100"/></svg>',
        label,
        drawn,
    )


@register.simple_tag
def donut(score: int, tone: str) -> SafeString:
    """Draw a score of 0 to 100 as a ring."""
    around = 2 * 3.14159 * 26
    return format_html(
        '<svg class="donut donut-{}" viewBox="0 0 60 60" width="60" height="60" role="img"'
        ' aria-label="Score {} of 100"><circle class="track" cx="30" cy="30" r="26"/>'
        '<circle class="value" cx="30" cy="30" r="26" stroke-dasharray="{} {}"'
        ' transform="rotate(-90 30 30)"/><text x="30" y="36" text-anchor="middle">{}</text></svg>',
        tone,
        score,
        f"{around * score / 100:.1f}",
        f"{around:.1f}",
        score,
    )


@register.simple_tag
def cost_chart(
    curve: Sequence[tuple[float, int]], *, cap: int | None, projected: int
) -> SafeString:
    """Draw credits over a run from points of (share of the run, credits), with the cap."""
    width, height = 560, 116
    top = max(cap or 0, projected, curve[-1][1], 1) * 1.08

    def at(share: float, credits_spent: float) -> str:
        return f"{share * width:.1f} {height - credits_spent / top * height:.1f}"

    share, spent = curve[-1]
    line = " L".join(at(*point) for point in curve)
    dot_x, dot_y = at(share, spent).split()
    cap_line = SafeString("")
    if cap:
        cap_y = f"{height - cap / top * height:.1f}"
        cap_line = format_html(
            '<line class="cap" x1="0" x2="560" y1="{0}" y2="{0}"/>'
            '<text x="0" y="{0}" dy="24">Cap {1}</text>',
            cap_y,
            f"{cap:,}",
        )
    said = f"Credits: {spent:,} spent, {projected:,} projected"
    return format_html(
        '<svg class="cost-chart" viewBox="0 -4 560 124" role="img" aria-label="{}">{}'
        '<path class="area" d="M{} L{} 116 L0 116 Z"/><path class="projected" d="M{} L{}"/>'
        '<path class="line" d="M{}"/><circle class="dot" cx="{}" cy="{}" r="6"/>'
        '<line class="base" x1="0" x2="560" y1="116" y2="116"/></svg>',
        f"{said}, cap {cap:,}" if cap else said,
        cap_line,
        line,
        dot_x,
        at(share, spent),
        at(1, projected),
        line,
        dot_x,
        dot_y,
    )


@register.filter
def clean_html(text: str) -> SafeString:
    """HTML of an article, cleaned once more before it is shown; nothing of it runs."""
    return SafeString(sanitize_html(text))
