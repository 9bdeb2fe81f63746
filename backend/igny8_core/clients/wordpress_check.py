"""The doctor of a WordPress: what it is, what our account may do there, and what is in the way.

Faults that look alike are told apart as far as the facts allow. A wrong password and a host that
strips the ``Authorization`` header both make us a stranger; XML-RPC takes the same password in the
body of a request, so its answer decides between them.
"""

from __future__ import annotations

from base64 import b64decode
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit
from xml.sax.saxutils import escape as xml_escape

from igny8_core.clients.destinations import (
    AuthRefused,
    Finding,
    PermissionMissing,
    RemoteGone,
    Report,
    SiteBlocked,
    SiteBusy,
    SiteMisconfigured,
    SiteRefused,
)
from igny8_core.clients.guarded_http import (
    AddressRefused,
    AnswerTooLarge,
    NotSent,
    OutcomeUnknown,
    RedirectRefused,
)
from igny8_core.clients.wordpress import WordPressClient, parse, same_origin
from igny8_core.clients.wordpress_seo import BY_NAME, open_keys_of, plugin_of
from igny8_core.common.errors import DomainError

if TYPE_CHECKING:
    from collections.abc import Callable

    from igny8_core.clients.destinations import Connection
    from igny8_core.clients.guarded_http import Answer

NEEDED: Final = ("edit_posts", "publish_posts")
USEFUL: Final = {
    "edit_others_posts": "articles that somebody else takes over can no longer be updated",
    "manage_categories": "new categories cannot be made",
    "upload_files": "articles go out without their images",
    "unfiltered_html": "WordPress removes some of the HTML (embeds, image sizes)",
    "edit_pages": "pages cannot be published",
}
WRONG_PASSWORD: Final = frozenset(
    {
        "incorrect_password",
        "invalid_username",
        "invalid_email",
        "invalid_application_password",
        "application_passwords_disabled_for_user",
    }
)
TEST_TITLE: Final = "IGNY8 connection test"
TEST_SLUG: Final = "igny8-connection-test"
PNG: Final = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
XMLRPC: Final = (
    '<?xml version="1.0"?><methodCall><methodName>wp.getUsersBlogs</methodName><params>'
    "<param><value><string>{}</string></value></param>"
    "<param><value><string>{}</string></value></param></params></methodCall>"
)
USER_AGENT_HINT: Final = "Allow requests of the user agent IGNY8 to /wp-json/ in the firewall."


class _Stop(Exception):
    """The last finding makes further questions useless."""


def check_wordpress(connection: Connection, *, is_writing: bool) -> Report:
    """Everything that can be found out, from the outside in; the first closed door ends it."""
    doctor = _Doctor(connection)
    steps: list[Callable[[], None]] = [doctor.find_interface, doctor.sign_in, doctor.look_around]
    if is_writing:
        steps += [doctor.write, doctor.upload]
    try:
        for step in steps:
            step()
    except _Stop:
        pass
    doctor.close()
    return Report(tuple(doctor.findings), doctor.capabilities)


class _Doctor:
    """One examination."""

    def __init__(self, connection: Connection) -> None:
        self.findings: list[Finding] = []
        self.capabilities: dict[str, Any] = {}
        self._connection = connection
        self._root: dict[str, Any] = {}
        self._client = self._client_at("")

    # --- what answers there

    def find_interface(self) -> None:
        """The REST interface, asked as a stranger."""
        base = self._connection.base_url
        answer = self._open(f"{base}/wp-json/")
        if not same_origin(answer.url, base):
            here = urlsplit(answer.url)
            self._stop(
                "moved",
                f"The site sends us to {here.scheme}://{here.netloc}.",
                "Enter that address instead: a write is never sent on to another one.",
            )
        root = self._root_of(answer)
        rest = f"{base}/wp-json/"
        if root is None:
            self._explain_closed(answer)
            other = self._open(f"{base}/?rest_route=/")
            root = self._root_of(other)
            if root is None:
                self._explain_closed(other)
                self._stop(
                    "not_wordpress",
                    "No WordPress interface answers at this address.",
                    "Check the address; if it is WordPress, save the permalinks once and see"
                    " whether a plugin switches the REST API off.",
                )
            rest = f"{base}/?rest_route=/"
            self._note("plain_permalinks", "Permalinks are plain; we use the plain addresses.")
        self._root = root or {}
        self._client = self._client_at(rest)
        self.capabilities |= {
            "rest": rest,
            "name": str(self._root.get("name", ""))[:200],
            "url": str(self._root.get("home") or self._root.get("url") or "")[:500],
            "timezone": str(self._root.get("timezone_string", ""))[:64],
            "namespaces": [str(n) for n in self._root.get("namespaces", [])][:100],
        }
        self._note("reachable", f"WordPress answers: {self.capabilities['name'] or base}.")

    def _open(self, url: str) -> Answer:
        try:
            return self._connection.http.discover(url)
        except AddressRefused:
            self._stop(
                "address_refused",
                "The address is not a public one.",
                "Enter the address that visitors use.",
            )
        except NotSent as exc:
            self._stop(
                "unreachable",
                f"No connection to the site ({exc.data.get('error')}).",
                "Check the address, the name's DNS entry and the certificate.",
            )
        except RedirectRefused as exc:
            self._stop(
                "moved",
                f"The site redirects in circles, at last to {exc.data.get('location')}.",
                "Set the site's address in WordPress (Settings, General).",
            )
        except (OutcomeUnknown, AnswerTooLarge) as exc:
            self._stop("no_answer", f"No usable answer ({exc.message}).", "Try again later.")
        raise AssertionError("unreachable")  # every branch above stops

    def _root_of(self, answer: Answer) -> dict[str, Any] | None:
        found, is_clean = parse(answer.body)
        if not isinstance(found, dict) or "namespaces" not in found:
            return None
        if not is_clean:
            self._client.is_polluted = True
        return found

    def _explain_closed(self, answer: Answer) -> None:
        """Say so when something answered and shut the door; other answers say nothing yet."""
        found, _ = parse(answer.body)
        code = str(found.get("code", "")) if isinstance(found, dict) else ""
        if answer.status == HTTPStatus.SERVICE_UNAVAILABLE:
            self._stop("maintenance", "The site is in maintenance.", "Try again afterwards.")
        if answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN} and code:
            self._stop_locked(code)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            self._stop(
                "site_password",
                "The whole site is behind a password of the web server.",
                "Take it away for /wp-json/: our own sign-in uses the same header.",
            )
        if answer.status in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_ACCEPTABLE}:
            self._stop("firewall", "Something before the site turns us away.", USER_AGENT_HINT)

    def _stop_locked(self, code: str) -> None:
        self._stop(
            "rest_locked",
            f"The REST API is locked by a plugin or a rule of the host ({code}).",
            "Allow signed-in requests to the REST API in the security plugin.",
        )

    # --- who we are there

    def sign_in(self) -> None:
        """The one question that a stranger gets no answer to."""
        offered = self._root.get("authentication")
        is_offered = False
        if isinstance(offered, dict) and "application-passwords" in offered:
            is_offered = True
            endpoints = offered["application-passwords"].get("endpoints", {})
            self.capabilities["authorize_url"] = str(endpoints.get("authorization", ""))[:500]
        try:
            me = self._client.get("wp/v2/users/me")
        except AuthRefused as exc:
            self._explain_refused(str(exc.data.get("reason", "")), is_offered=is_offered)
            raise _Stop from None
        except DomainError as exc:
            self._stop_by(exc, "sign_in_failed", "We could not sign in")
        granted = me.get("capabilities") or {}
        names = [*NEEDED, *USEFUL]
        self.capabilities |= {
            "user": str(me.get("slug", ""))[:100],
            "user_id": me.get("id"),
            "roles": [str(role) for role in me.get("roles", [])][:10],
            "can": {name: bool(granted.get(name)) for name in names},
        }
        self._note("signed_in", f"Signed in as {self.capabilities['user']}.")
        missing = [name for name in NEEDED if not granted.get(name)]
        if missing:
            self._stop(
                "role_too_weak",
                f"The account may not publish: {', '.join(missing)} is missing.",
                "Give it the role Editor, or connect with another account.",
            )
        for name, effect in USEFUL.items():
            if not granted.get(name):
                self._note(f"without_{name}", f"The account lacks {name}: {effect}.")

    def _explain_refused(self, code: str, *, is_offered: bool) -> None:
        if code in WRONG_PASSWORD:
            self._wrong_password()
        if code not in {"rest_not_logged_in", ""}:
            self._stop_locked(code)
        if not is_offered:
            self._stop(
                "application_passwords_off",
                "The site does not offer application passwords.",
                "They need https, and a security plugin may switch them off: switch them on.",
            )
        is_right = self._ask_xmlrpc()
        if is_right is None:
            self._stop(
                "password_or_header",
                "The site takes us for a stranger: the password is wrong or was revoked, or the"
                " host removes the Authorization header.",
                "Make a new application password; if that does not help, let the host pass the"
                " Authorization header on (CGIPassAuth On, or a rewrite rule).",
            )
        if is_right:
            self._stop(
                "header_stripped",
                "The password is right, but the host removes the Authorization header.",
                "Let the host pass it on: CGIPassAuth On (Apache), or"
                " fastcgi_param HTTP_AUTHORIZATION $http_authorization (nginx).",
            )
        self._wrong_password()

    def _wrong_password(self) -> None:
        self._stop(
            "wrong_password",
            "The user name or the application password is wrong, or it was revoked.",
            "Make a new application password (Users, Profile) and enter it.",
        )

    def _ask_xmlrpc(self) -> bool | None:
        """Whether the same password works where it stands in the body; None: nobody says."""
        given = self._connection.credentials
        body = XMLRPC.format(
            xml_escape(given["username"]), xml_escape(given["application_password"])
        )
        try:
            answer = self._connection.http.request(
                "POST",
                f"{self._connection.base_url}/xmlrpc.php",
                headers={"Content-Type": "text/xml"},
                content=body.encode(),
            )
        except DomainError:
            return None
        if answer.status != HTTPStatus.OK or b"<methodResponse>" not in answer.body:
            return None
        if b"<fault>" not in answer.body:
            return True
        return False if b"<int>403</int>" in answer.body else None

    # --- what is there

    def look_around(self) -> None:
        """SEO plugin, writable fields, the companion."""
        namespaces = self.capabilities["namespaces"]
        keys = self._meta_keys()
        seo = plugin_of(namespaces, keys)
        self.capabilities |= {"seo": seo, "meta_keys": open_keys_of(seo, keys)}
        if "igny8/v1" in namespaces:
            self._meet_companion()
        self._say_how_seo_gets_in()

    def _say_how_seo_gets_in(self) -> None:
        """Through which door titles and descriptions go, or what is missing for it."""
        seo = str(self.capabilities["seo"])
        name = seo.replace("_", " ") or "no SEO plugin"
        if seo == "aioseo":
            self._note(
                "seo_not_writable",
                "All in One SEO keeps its fields in tables of its own: titles and descriptions stay"
                " with us.",
            )
        elif self.capabilities.get("companion"):
            self._note("seo_writable", f"SEO fields go through the companion ({name}).")
        elif self.capabilities["meta_keys"]:
            self._note("seo_writable", f"SEO fields go through the site's meta fields ({name}).")
        elif seo and BY_NAME[seo].routes:
            self._note("seo_writable", f"SEO fields go through the plugin's own route ({name}).")
        else:
            self._note(
                "seo_needs_companion",
                "SEO titles and descriptions cannot be written without the companion plugin.",
                "Install igny8-bridge, if they are to be written.",
            )

    def _meta_keys(self) -> set[str]:
        try:
            schema = self._client.options("wp/v2/posts").get("schema") or {}
        except DomainError:
            return set()
        meta = (schema.get("properties") or {}).get("meta") or {}
        found = meta.get("properties") or {}
        return set(found) if isinstance(found, dict) else set()

    def _meet_companion(self) -> None:
        try:
            status = self._client.get("igny8/v1/status")
        except DomainError as exc:
            self._note("companion_unusable", f"The companion plugin does not answer: {exc.code}.")
            return
        self.capabilities |= {
            "companion": str(status.get("version", ""))[:20],
            "seo": str(status.get("seo_plugin", ""))[:30],
            "max_upload_bytes": status.get("max_upload_bytes"),
            "wordpress": str(status.get("wordpress", ""))[:20],
        }
        self._note("companion", f"The companion plugin {self.capabilities['companion']} is there.")

    # --- what we can do

    def write(self) -> None:
        """A draft made, read and deleted for good."""
        draft = {"title": TEST_TITLE, "slug": TEST_SLUG, "status": "draft", "content": "<p>ok</p>"}
        try:
            made = self._client.post("wp/v2/posts", draft, {"_fields": "id"})
            path = f"wp/v2/posts/{made['id']}"
            seen = self._client.get(path, {"_fields": "id,content.raw"})
            self._client.delete(path, {"force": "true"})
        except DomainError as exc:
            self._stop_by(exc, "write_failed", "A test draft could not be written")
        if "ok" not in str(seen.get("content", {}).get("raw", "")):
            self._problem(
                "write_changed",
                "What we wrote did not come back: something changes posts while they are saved.",
                "Look for a plugin that filters the content of posts.",
            )
        self._note("writable", "A test draft was written, read and deleted.")

    def upload(self) -> None:
        """A one-pixel image sent and deleted."""
        if not self.capabilities["can"].get("upload_files"):
            return
        details = {"slug": TEST_SLUG, "title": TEST_TITLE, "_fields": "id"}
        try:
            made = self._client.upload(
                "wp/v2/media", details, name="igny8-test.png", mime="image/png", data=PNG
            )
            self._client.delete(f"wp/v2/media/{made['id']}", {"force": "true"})
        except SiteBlocked:
            self._problem("firewall", "Uploads are turned away.", USER_AGENT_HINT)
        except DomainError as exc:
            reason = exc.data.get("reason") or exc.code
            self._problem(
                "uploads_broken",
                f"An image could not be uploaded ({reason}).",
                "Check the rights and the space of wp-content/uploads.",
            )
        else:
            self._note("uploads", "An image was uploaded and deleted.")

    def close(self) -> None:
        """What is known only at the end."""
        if self._client.is_polluted:
            self.capabilities["is_polluted"] = True
            self._note(
                "json_polluted",
                "Text of a plugin or a PHP notice stands before the answers.",
                "Switch WP_DEBUG_DISPLAY off in wp-config.php.",
            )

    # --- findings

    def _client_at(self, rest: str) -> WordPressClient:
        given = self._connection.credentials
        return WordPressClient(
            http=self._connection.http,
            base_url=self._connection.base_url,
            username=given["username"],
            password=given["application_password"],
            rest=rest,
        )

    def _note(self, code: str, text: str, fix: str = "") -> None:
        self.findings.append(Finding(code, is_ok=True, text=text, fix=fix))

    def _problem(self, code: str, text: str, fix: str) -> None:
        self.findings.append(Finding(code, is_ok=False, text=text, fix=fix))

    def _stop(self, code: str, text: str, fix: str) -> None:
        self._problem(code, text, fix)
        raise _Stop

    def _stop_by(self, exc: DomainError, code: str, what: str) -> None:
        """What a refusal means, whatever was asked."""
        reason = str(exc.data.get("reason") or exc.data.get("capability") or exc.code)
        match exc:
            case SiteBlocked():
                self._stop("firewall", "Something before the site turns us away.", USER_AGENT_HINT)
            case PermissionMissing():
                self._stop(
                    "role_too_weak",
                    f"{what}: the account may not do this ({reason}).",
                    "Give it the role Editor, or connect with another account.",
                )
            case AuthRefused():
                self._stop_locked(reason)
            case SiteMisconfigured() if exc.data.get("location"):
                self._stop(
                    "moved",
                    f"{what}: the site sends us to {exc.data['location']}.",
                    "Enter that address instead.",
                )
            case SiteBusy():
                self._stop("busy", f"{what}: the site asks us to wait.", "Try again later.")
            case OutcomeUnknown() if exc.data.get("status") == HTTPStatus.SERVICE_UNAVAILABLE:
                self._stop("maintenance", "The site is in maintenance.", "Try again afterwards.")
            case SiteRefused() | RemoteGone() | SiteMisconfigured():
                self._stop(code, f"{what} ({reason}).", "See the site's error log.")
            case _:
                self._stop(
                    code, f"{what}: no usable answer ({reason}).", "See the site's error log."
                )
