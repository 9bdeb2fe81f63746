"""How a site's articles sound and look: voice, rules, words that are never said, pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.contrib import messages
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from igny8_core.auth.states import Role
from igny8_core.business.content.services import brand_voice as services
from igny8_core.business.content.services.brief import MAX_AVOID, MAX_RULES
from igny8_core.business.content.services.gather_brief import VOICE_LENGTH
from igny8_core.business.content.services.image_settings import IN_ARTICLE_MAX, ImageFailure
from igny8_core.common.errors import InvalidInput
from igny8_core.web.forms.identity import LANGUAGES
from igny8_core.web.lists import whole
from igny8_core.web.screens import ScreenRequest, render_screen, screen

if TYPE_CHECKING:
    from django.http import HttpResponse, QueryDict

SEE_OTHER: Final = 303


@require_http_methods(["GET", "HEAD", "POST"])
@screen(role=Role.ADMIN, at_rest_too=True)
def brand_voice(request: ScreenRequest) -> HttpResponse:
    """The settings; POST changes them for what is written from now on."""
    site: Any = request.site
    known, error = services.brand_voice(site), None
    if request.method == "POST":
        known = _given(request.POST)
        try:
            services.save_brand_voice(account=request.account, site_id=site.pk, wanted=known)
        except InvalidInput as exc:
            error = exc
        else:
            messages.success(request, "Saved. It holds for what is written from now on.")
            return HttpResponseRedirect(reverse("brand_voice", args=[site.pk]), status=SEE_OTHER)
    context = {
        "known": known,
        "error": error,
        "problems": error.data if error else {},
        "failures": [(one.value, one.label) for one in ImageFailure],
        "language": dict(LANGUAGES).get(site.language, site.language),
        "voice_max": VOICE_LENGTH,
        "rules_max": MAX_RULES,
        "avoid_max": MAX_AVOID,
        "images_max": IN_ARTICLE_MAX,
    }
    status = error.http_status if error else 200
    return render_screen(request, "settings/voice.html", context=context, status=status)


def _given(data: QueryDict) -> services.BrandVoice:
    def lines(name: str) -> tuple[str, ...]:
        found = (line.strip() for line in str(data.get(name, "")).splitlines())
        return tuple(line for line in found if line)

    images = whole(data, "images")
    return services.BrandVoice(
        voice=data.get("voice", ""),
        rules=lines("rules"),
        avoid=lines("avoid"),
        images=0 if images is None else images,
        image_style=data.get("image_style", ""),
        on_image_failure=data.get("on_image_failure", ImageFailure.WITHOUT),
        has_links=data.get("has_links") == "1",
        author=data.get("author", ""),
        author_url=data.get("author_url", ""),
        is_disclosed=data.get("is_disclosed") == "1",
        disclosure=data.get("disclosure", ""),
    )
