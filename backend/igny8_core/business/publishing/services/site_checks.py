"""What a built site must be before anyone sees it: whole, addressed once, well-formed, inert."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urljoin, urlsplit

from lxml import etree

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

SEARCH_PAGE: Final = "search/index.html"
WITHOUT_CANONICAL: Final = frozenset({"404.html", SEARCH_PAGE})
FORBIDDEN: Final = frozenset({"object", "embed", "form", "base", "applet", "frame", "frameset"})
ADDRESSES: Final = ("href", "src", "poster")
ADDRESS: Final = re.compile(r"(?:https?://|mailto:|tel:|[/#?]|[^:]*(?:[/#?]|$))", re.IGNORECASE)
"""What an address may start with: a known scheme, or none."""

ARTICLE_KEYS: Final = (
    "headline",
    "datePublished",
    "dateModified",
    "author",
    "publisher",
    "mainEntityOfPage",
)
_SRCSET: Final = re.compile(r"(\S+)\s+\d+(?:\.\d+)?[wx](?:,\s*|\s*$)")


@dataclass(frozen=True)
class PageFacts:
    """What the checks of the whole site need of one page.

    :ivar canonical: its one address; empty for pages that have none.
    :ivar targets: addresses of the site that it names, with their fragments, as they follow the
        address of the home page.
    :ivar anchors: the places inside it that others may point to.
    :ivar locations: what it lists, for a sitemap.
    :ivar problems: what is wrong with it by itself.
    """

    canonical: str = ""
    targets: tuple[str, ...] = ()
    anchors: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def facts_of(path: str, data: bytes, *, base_url: str) -> PageFacts:
    """Read one file and say what is wrong with it by itself.

    :param base_url: absolute address of the home page, without the closing slash.
    """
    if path.endswith(".html"):
        return _PageReader(path, data, base_url).facts()
    if path.endswith(".xml"):
        return _xml_facts(data, base_url)
    return PageFacts()


def facts_to_json(facts: PageFacts) -> str:
    """Facts on one line, as a build keeps them for the next one."""
    held = [facts.canonical, facts.targets, facts.anchors, facts.locations, facts.problems]
    return json.dumps(held, ensure_ascii=False, separators=(",", ":"))


def facts_from_json(text: str) -> PageFacts:
    """The inverse.

    :raises ValueError: they cannot be read.
    """
    canonical, *lists = json.loads(text)
    return PageFacts(canonical, *map(tuple, lists))


@dataclass(frozen=True)
class SiteChecks:
    """Whether a site may go live. Pages taken over are read again only if something is gone that
    they may point to.

    :ivar facts: of every page, as JSON.
    :ivar fresh: of those that were rendered now.
    :ivar canonical: the addresses that sitemaps have to list.
    :ivar files: every path of the release.
    """

    facts: Mapping[str, str]
    fresh: Mapping[str, PageFacts]
    canonical: Collection[str]
    files: Collection[str]
    base_url: str

    def problems(self, before: Collection[str], anchors: Collection[str]) -> list[str]:
        """All that is wrong; empty when the site may go live.

        :param before: the paths of the build that pages were taken over from, and ``anchors`` the
            places inside its pages that others point to.
        """
        pages = self.fresh if self._nothing_is_lost(before, anchors) else self._all()
        found: list[str] = []
        answered = self._answered(pages)
        for path, facts in sorted(pages.items()):
            found += [f"{path}: {problem}" for problem in facts.problems]
            found += [f"{path}: dead link /{t}" for t in facts.targets if t not in answered]
        found += _canonical_problems(pages, self.base_url)
        found += self._listing_problems()
        return found

    def foreign_anchors(self) -> frozenset[str]:
        """Places inside other pages that the new pages point to."""
        return frozenset(
            target
            for path, facts in self.fresh.items()
            for target in facts.targets
            if "#" in target and not target.startswith(f"{_address(path)}#")
        )

    def _nothing_is_lost(self, before: Collection[str], anchors: Collection[str]) -> bool:
        """Whether all that pages taken over may point to is still there.

        Assets are left out: what a page names of them is part of what it was made from.
        """
        files = set(self.files)
        if any(path not in files and not path.startswith("assets/") for path in before):
            return False
        changed = {_address(path): set(facts.anchors) for path, facts in self.fresh.items()}
        for target in anchors:
            page, _hash, anchor = target.partition("#")
            if page in changed and anchor not in changed[page]:
                return False
        return True

    def _all(self) -> dict[str, PageFacts]:
        taken_over = self.facts.keys() - self.fresh.keys()
        return {path: self._of(path) for path in taken_over} | dict(self.fresh)

    def _of(self, path: str) -> PageFacts:
        return self.fresh.get(path) or facts_from_json(self.facts[path])

    def _answered(self, pages: Mapping[str, PageFacts]) -> set[str]:
        """Every address below the home page that leads somewhere, as links write it."""
        answered = set(self.files)
        answered.update(_address(path) for path in self.files if _is_index(path))
        by_address = {_address(path): path for path in self.facts}
        for target in {t for facts in pages.values() for t in facts.targets if "#" in t}:
            page, _hash, anchor = target.partition("#")
            if page in by_address and anchor in self._of(by_address[page]).anchors:
                answered.add(target)
        return answered

    def _listing_problems(self) -> Iterator[str]:
        """Sitemaps list every page that has a canonical address, once, and nothing else."""
        maps = [self._of(path) for path in self.facts if path.startswith("sitemap")]
        listed = Counter(location for facts in maps for location in facts.locations)
        canonical = set(self.canonical)
        for address, count in sorted(listed.items()):
            if count > 1:
                yield f"{address}: {count} times in the sitemap"
            if address not in canonical:
                yield f"{address}: in the sitemap but no canonical page"
        for address in sorted(canonical - listed.keys()):
            yield f"{address}: not in the sitemap"


def _address(path: str) -> str:
    return path.removesuffix("index.html") if _is_index(path) else path


def _is_index(path: str) -> bool:
    return path == "index.html" or path.endswith("/index.html")


def _canonical_problems(pages: Mapping[str, PageFacts], base_url: str) -> Iterator[str]:
    counted = Counter(facts.canonical for facts in pages.values() if facts.canonical)
    for address, count in sorted(counted.items()):
        if count > 1:
            yield f"{address}: canonical of {count} pages"
    for path, facts in sorted(pages.items()):
        own = f"{base_url}/{path.removesuffix('index.html')}"
        if facts.canonical and unquote(facts.canonical) != own:
            yield f"{path}: canonical is {facts.canonical}"


class _PageReader:
    """One walk over a page."""

    def __init__(self, path: str, data: bytes, base_url: str) -> None:
        self.path, self.base_url = path, base_url
        self.root = etree.fromstring(data, etree.HTMLParser(encoding="utf-8", no_network=True))
        self.problems: list[str] = []
        self.ids: Counter[str] = Counter()
        self.addresses: set[str] = set()
        self.counts: Counter[str] = Counter()
        self.head: dict[str, list[str]] = {}

    def facts(self) -> PageFacts:
        for element in self.root.iter(etree.Element):
            self._read(element)
        canonical = self.head.get("canonical", [])
        own = self.path.removesuffix("index.html") if _is_index(self.path) else self.path
        page_url = canonical[0] if canonical else f"{self.base_url}/{own}"
        self._check_head()
        self._check_data(page_url)
        self.problems += [f"id {i} is given {n} times" for i, n in self.ids.items() if n > 1]
        return PageFacts(
            canonical=canonical[0] if canonical else "",
            targets=_below(self.addresses, page_url, self.base_url),
            anchors=tuple(sorted(self.ids)),
            problems=tuple(self.problems),
        )

    def _read(self, element: Any) -> None:
        tag, attributes = element.tag, element.attrib
        self.counts[tag] += 1
        if tag in FORBIDDEN or (tag == "script" and not self._is_known_script(element)):
            self.problems.append(f"element {tag}")
        for name, value in attributes.items():
            if name in ADDRESSES:
                self.addresses.add(value)
                if not ADDRESS.match(value.strip()):
                    self.problems.append(f"address {value[:60]}")
            elif name == "id":
                self.ids[value] += 1
            elif name == "srcset":
                self.addresses.update(_SRCSET.findall(value))
            elif name.startswith("on") or name in {"style", "srcdoc"}:
                self.problems.append(f"attribute {name}")
        if tag == "img":
            self._check_image(attributes)
        elif tag == "meta":
            key = attributes.get("property") or attributes.get("name") or ""
            self.head.setdefault(key, []).append(attributes.get("content", ""))
        elif tag == "link":
            self.head.setdefault(attributes.get("rel", ""), []).append(attributes.get("href", ""))
        elif tag in {"title", "h1"}:
            self.head.setdefault(tag, []).append("".join(element.itertext()).strip())

    def _is_known_script(self, element: Any) -> bool:
        """Data, or the search page's own file; no code stands in a page."""
        if element.get("type") == "application/ld+json":
            return True
        is_file = element.get("type") == "module" and "/assets/search-" in element.get("src", "")
        return self.path == SEARCH_PAGE and is_file and not (element.text or "").strip()

    def _check_image(self, attributes: Any) -> None:
        missing = [name for name in ("src", "alt") if attributes.get(name) is None]
        if attributes.get("src", "").startswith("/"):
            missing += [name for name in ("width", "height") if not attributes.get(name)]
        if missing:
            self.problems.append(f"image {attributes.get('src', '')} has no {', '.join(missing)}")

    def _check_head(self) -> None:
        wanted = ["title", "h1"]
        if self.path != "404.html":
            wanted.append("description")
        if self.path not in WITHOUT_CANONICAL:
            wanted.append("canonical")
        for name in wanted:
            found = self.head.get(name, [])
            if len(found) != 1:
                self.problems.append(f"{len(found)} of {name}, one is needed")
            elif not found[0]:
                self.problems.append(f"{name} is empty")
        if self.counts["main"] != 1:
            self.problems.append(f"{self.counts['main']} of main, one is needed")
        if not self.root.get("lang"):
            self.problems.append("no language")
        if self.head.get("og:url", []) != self.head.get("canonical", []):
            self.problems.append("og:url is not the canonical address")
        self.addresses.update(self.head.get("og:image", ()))

    def _check_data(self, page_url: str) -> None:
        for script in self.root.iter("script"):
            if script.get("type") == "module":
                continue
            try:
                data = json.loads(script.text or "")
            except ValueError:
                self.problems.append("JSON-LD cannot be read")
                continue
            for node in data["@graph"]:
                if node["@type"] == "BlogPosting":
                    self.problems += _article_data_problems(node, page_url)


def _article_data_problems(node: Mapping[str, Any], page_url: str) -> Iterator[str]:
    missing = [key for key in ARTICLE_KEYS if not node.get(key)]
    if missing:
        yield f"JSON-LD has no {', '.join(missing)}"
    if node.get("mainEntityOfPage") != page_url:
        yield "JSON-LD names another page"
    if str(node.get("dateModified")) < str(node.get("datePublished")):
        yield "modified before it was published"


def _below(addresses: Collection[str], page_url: str, base_url: str) -> tuple[str, ...]:
    """Those addresses that lead into the site, from its home page on."""
    parts = urlsplit(base_url)
    base_path = f"{parts.path}/"
    found = set()
    for address in addresses:
        plain = address.strip()
        if plain.startswith(base_path) and not plain.startswith("//") and "/." not in plain:
            found.add(plain[len(base_path) :])
            continue
        if plain.startswith(("mailto:", "tel:")):
            continue
        is_whole = plain.startswith(("https://", "http://")) and "/." not in plain
        absolute = plain if is_whole else urljoin(page_url, plain)
        if absolute == base_url or absolute.startswith(f"{base_url}/"):
            found.add(absolute[len(base_url) + 1 :])
    return tuple(sorted(_readable(target) for target in found))


def _readable(target: str) -> str:
    """An address without its query and percent signs, as file names and anchors are written."""
    plain, _hash, fragment = target.partition("#")
    path = plain.partition("?")[0]
    return unquote(f"{path}#{fragment}" if fragment else path)


def _xml_facts(data: bytes, base_url: str) -> PageFacts:
    try:
        root = etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError as exc:
        return PageFacts(problems=(f"is not well-formed: {exc.msg}",))
    places = [str(e.text) for e in root.iter("{*}loc")]
    links = [str(e.get("href")) for e in root.iter("{http://www.w3.org/2005/Atom}link")]
    links += [str(e.text) for e in root.iter("link") if e.text]
    foreign = [a for a in places if not a.startswith(f"{base_url}/")]
    is_urls = etree.QName(root).localname == "urlset"
    return PageFacts(
        targets=_below({*places, *links}, f"{base_url}/", base_url),
        locations=tuple(places) if is_urls else (),
        problems=tuple(f"{a} is not of this site" for a in foreign),
    )
