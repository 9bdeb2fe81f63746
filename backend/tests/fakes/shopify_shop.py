"""A shop in memory behind our own HTTP port, held to Shopify's schema where that is at hand."""

from __future__ import annotations

import gzip
import itertools
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs

import httpx

from igny8_core.clients.guarded_http import Answer, NotSent, OutcomeUnknown
from igny8_core.clients.shopify import API_VERSION

SCHEMA_FILE = Path(__file__).resolve().parents[3] / ".shopify" / f"admin_{API_VERSION}.json.gz"
BLOG = "gid://shopify/Blog/1"


def schema() -> Any:
    """Shopify's own schema; None where it was not fetched."""
    if not SCHEMA_FILE.is_file():
        return None
    from graphql import build_client_schema

    found = json.loads(gzip.decompress(SCHEMA_FILE.read_bytes()))
    return build_client_schema(found["data"], assume_valid=True)


@dataclass
class Shop:
    """What one shop holds, and the wire to it.

    :ivar lag: how many searches do not yet find what was made last.
    :ivar refresh_tokens: what it takes for a new token; empty: its own organisation's application
        signs in by its secret alone.
    :ivar luck: names a fault of the next request: away, lost, late, throttled, 500, or none.
    :ivar faults: by the name of a query (``SignIn`` for tokens): what the next ones of it meet.
    :ivar is_fragile: faults meet sign-ins, too.
    """

    known_schema: Any = None
    articles: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    uploads: dict[str, bytes] = field(default_factory=dict)
    secret: str = "right"
    token: str = "token-1"
    tokens: int = 1
    refresh_tokens: list[str] = field(default_factory=list)
    refreshes: int = 0
    scopes: tuple[str, ...] = ("write_content", "write_files")
    has_blog: bool = True
    lag: int = 0
    luck: Any = lambda: ""
    faults: dict[str, list[str]] = field(default_factory=dict)
    is_fragile: bool = False
    late: list[Any] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ids = itertools.count(101)
        self._hidden: dict[str, int] = {}

    def request(self, method: str, url: str, *, headers: Any, content: bytes) -> Answer:
        assert method == "POST"
        fault = self._fault_of(url, content)
        if fault == "away":
            raise NotSent("no connection")
        if fault == "throttled" and "graphql" in url:
            return self._answer({"errors": [{"message": "", "extensions": {"code": "THROTTLED"}}],
                "extensions": {"cost": {"requestedQueryCost": 60, "throttleStatus":
                {"currentlyAvailable": 10, "restoreRate": 25}}}})  # fmt: skip
        if fault == "late":
            self.late.append(lambda: self._respond(url, headers, content))
            raise OutcomeUnknown("no whole answer")
        answer = self._respond(url, headers, content)
        if fault == "500":
            return Answer(500, httpx.Headers(), b"oops", url)
        if fault == "lost":
            raise OutcomeUnknown("no whole answer")
        return answer

    def _fault_of(self, url: str, content: bytes) -> str:
        """What happens to a request: as its name has it next, else as luck has it."""
        if "oauth" in url and not self.is_fragile:
            return ""
        named = re.search(rb'"(?:query|mutation) (\w+)', content)
        waiting = self.faults.get(named[1].decode() if named else "SignIn", [])
        return waiting.pop(0) if waiting else str(self.luck())

    def catch_up(self) -> None:
        """From here on searches find everything."""
        self.lag = 0
        self._hidden.clear()

    def arrive(self) -> None:
        """What is late arrives now."""
        arrived, self.late = self.late, []
        for effect in arrived:
            effect()

    def _answer(self, found: Any, status: int = 200) -> Answer:
        return Answer(status, httpx.Headers(), json.dumps(found).encode(), "x")

    def _respond(self, url: str, headers: Any, content: bytes) -> Answer:
        if url.endswith("/admin/oauth/access_token"):
            return self._sign_in(parse_qs(content.decode()))
        if url == "https://staged.test/":
            (name,) = re.findall(rb'filename="([^"]+)"', content)
            self.uploads[name.decode()] = content.split(b"\r\n\r\n")[-1].split(b"\r\n--")[0]
            return self._answer({}, 201)
        assert url == f"https://shop.myshopify.com/admin/api/{API_VERSION}/graphql.json"
        if headers["X-Shopify-Access-Token"] != self.token:
            return self._answer({"errors": "Invalid API key"}, 401)
        message = json.loads(content)
        self._check(message)
        (name,) = re.findall(r"^(?:query|mutation) (\w+)", message["query"])
        self.asked.append(name)
        return self._answer({"data": getattr(self, f"on_{name.lower()}")(**message["variables"])})

    def _sign_in(self, form: dict[str, list[str]]) -> Answer:
        if form["client_secret"] != [self.secret]:
            return self._answer({"error": "invalid_client"}, 401)
        fresh: dict[str, Any] = {"expires_in": 3600}
        if form["grant_type"] == ["refresh_token"]:
            if not self.refresh_tokens or form["refresh_token"][0] not in self.refresh_tokens:
                said = "Token has been expired or revoked."
                return self._answer({"error": "invalid_grant", "error_description": said}, 400)
            self.refreshes += 1
            newest = f"shprt_of_the_shop_{self.refreshes:04d}"
            # The one that was used stays good until its successor is used.
            self.refresh_tokens = [form["refresh_token"][0], newest]
            fresh |= {"refresh_token": newest, "refresh_token_expires_in": 7_776_000}
        elif self.refresh_tokens:
            return self._answer({"error": "shop_not_permitted"}, 400)
        self.tokens += 1
        self.token = f"token-{self.tokens}"
        return self._answer({"access_token": self.token, **fresh})

    def _check(self, message: dict[str, Any]) -> None:
        """The query and its variables are what the schema wants."""
        if self.known_schema is None:
            return
        from graphql import parse, validate
        from graphql.execution.values import get_variable_values

        document = parse(message["query"])
        assert validate(self.known_schema, document) == []
        operation: Any = document.definitions[0]
        found = get_variable_values(
            self.known_schema, operation.variable_definitions or (), message["variables"]
        )
        assert not isinstance(found, list), found

    def on_shop(self) -> Any:
        blogs = [{"id": BLOG, "handle": "news", "title": "News"}] if self.has_blog else []
        return {
            "shop": {"name": "Sofa Shop", "primaryDomain": {"url": "https://sofa.test"}},
            "currentAppInstallation": {"accessScopes": [{"handle": s} for s in self.scopes]},
            "blogs": {"nodes": blogs},
        }

    def on_find(self, query: str) -> Any:
        handle = query.removeprefix("handle:'").removesuffix("'")
        found = [a for a in self.articles.values() if a["handle"] == handle]
        if found and self._hidden.setdefault(handle, self.lag) > 0:
            self._hidden[handle] -= 1
            found = []
        return {"articles": {"nodes": found}}

    def on_read(self, id: str) -> Any:  # noqa: A002
        return {"article": self._shown(id) if id in self.articles else None}

    def on_create(self, article: dict[str, Any]) -> Any:
        if self._is_taken(article["handle"]):
            return {"articleCreate": _refused("TAKEN", "handle")}
        made = {"id": f"gid://shopify/Article/{next(self._ids)}", "body": "", "summary": "",
            "tags": [], "seo": {}, **article}  # fmt: skip
        self.articles[made["id"]] = made
        return {"articleCreate": {"article": made, "userErrors": []}}

    def on_update(self, id: str, article: dict[str, Any]) -> Any:  # noqa: A002
        if id not in self.articles:
            return {"articleUpdate": _refused("NOT_FOUND", "id")}
        handle = article.get("handle", self.articles[id]["handle"])
        if handle != self.articles[id]["handle"] and self._is_taken(handle):
            return {"articleUpdate": _refused("TAKEN", "handle")}
        self.articles[id] |= article
        for meta in article.get("metafields", ()):
            self.articles[id]["seo"][meta["key"]] = meta["value"]
        return {"articleUpdate": {"article": self._shown(id), "userErrors": []}}

    def on_delete(self, id: str) -> Any:  # noqa: A002
        self.articles.pop(id, None)
        return {"articleDelete": {"deletedArticleId": id, "userErrors": []}}

    def on_findfile(self, query: str) -> Any:
        name = query.removeprefix("filename:'").removesuffix("'")
        nodes = [{"id": "gid://shopify/MediaImage/1", "fileStatus": "READY",
            "image": {"url": self.files[name]}}] if name in self.files else []  # fmt: skip
        return {"files": {"nodes": nodes}}

    def on_stage(self, input: list[dict[str, Any]]) -> Any:  # noqa: A002
        target = {"url": "https://staged.test/", "resourceUrl": input[0]["filename"],
            "parameters": [{"name": "key", "value": "x"}]}  # fmt: skip
        return {"stagedUploadsCreate": {"stagedTargets": [target], "userErrors": []}}

    def on_file(self, files: list[dict[str, Any]]) -> Any:
        name = files[0]["originalSource"]
        if name in self.files:
            return {"fileCreate": _refused("FILENAME_ALREADY_EXISTS", "files")}
        assert self.uploads[name]
        self.files[name] = f"https://cdn.test/{name}"
        return {"fileCreate": {"files": [{"id": "1"}], "userErrors": []}}

    def _is_taken(self, handle: str) -> bool:
        return any(a["handle"] == handle for a in self.articles.values())

    def _shown(self, gid: str) -> dict[str, Any]:
        found = self.articles[gid]
        seo = found["seo"]
        title, description = (
            {"value": seo[key]} if key in seo else None for key in ("title_tag", "description_tag")
        )
        return found | {
            "blog": {"handle": "news"},
            "updatedAt": "2026-11-28T10:00:00Z",
            "seoTitle": title,
            "seoDescription": description,
        }


def _refused(code: str, *names: str) -> dict[str, Any]:
    return {"article": None, "userErrors": [{"code": code, "field": list(names), "message": code}]}


class ShopWire:
    """Our HTTP client, all of whose requests go to the shop that is open now."""

    shop: ClassVar[Shop]

    def __init__(self, **_options: Any) -> None:
        """Take what the guarded client takes."""

    def request(self, method: str, url: str, *, headers: Any, content: bytes) -> Answer:
        return self.shop.request(method, url, headers=headers, content=content)

    def close(self) -> None:
        """Nothing is held."""
