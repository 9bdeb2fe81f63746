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


def problems_of(
    pages: Mapping[str, PageFacts], *, files: Collection[str], base_url: str
) -> list[str]:
    """All that is wrong with a site; empty when it may go live.

    :param files: every path of the release.
    """
    found: list[str] = []
    answered = _answered(pages, files)
    for path, facts in sorted(pages.items()):
        found += [f"{path}: {problem}" for problem in facts.problems]
        found += [f"{path}: dead link /{t}" for t in facts.targets if t not in answered]
    found += _canonical_problems(pages, base_url)
    found += _listing_problems(pages)
    return found


def _answered(pages: Mapping[str, PageFacts], files: Collection[str]) -> set[str]:
    """Every address below the home page that leads somewhere, as links write it."""
    answered = set(files)
    answered.update(path.removesuffix("index.html") for path in files if _is_index(path))
    for path, facts in pages.items():
        page = path.removesuffix("index.html") if _is_index(path) else path
        answered.update(f"{page}#{anchor}" for anchor in facts.anchors)
    return answered


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


def _listing_problems(pages: Mapping[str, PageFacts]) -> Iterator[str]:
    """Sitemaps list every page that has a canonical address, once, and nothing else."""
    listed = Counter(location for facts in pages.values() for location in facts.locations)
    canonical = {facts.canonical for facts in pages.values() if facts.canonical}
    for address, count in sorted(listed.items()):
        if count > 1:
            yield f"{address}: {count} times in the sitemap"
        if address not in canonical:
            yield f"{address}: in the sitemap but no canonical page"
    for address in sorted(canonical - listed.keys()):
        yield f"{address}: not in the sitemap"


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
