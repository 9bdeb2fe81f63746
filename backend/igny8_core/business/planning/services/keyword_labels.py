"""Words that tools write into cells and headers, and what they mean; data only."""

# ruff: noqa: RUF001 - words of other languages, letter by letter

from __future__ import annotations

UNKNOWN_VALUES = frozenset(
    {"", "-", "\u2013", "\u2014", "n/a", "na", "null", "none", "#n/a", "∞", "unknown"}
)

CURRENCY_SIGNS: dict[str, str] = {
    "$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "zł": "PLN", "₹": "INR", "₺": "TRY",
    "₽": "RUB", "₫": "VND", "₩": "KRW",
}  # fmt: skip

INTENT_WORDS: dict[str, str] = {
    **dict.fromkeys(("informational", "info", "i"), "informational"),
    **dict.fromkeys(("navigational", "navigation", "n"), "navigational"),
    **dict.fromkeys(("commercial", "commercial investigation", "c"), "commercial"),
    **dict.fromkeys(("transactional", "transaction", "t"), "transactional"),
}
INTENT_CODES = {
    "0": "commercial", "1": "informational", "2": "navigational", "3": "transactional",
}  # fmt: skip
"""Semrush's API alone."""
INTENT_OTHER = frozenset({"branded", "non-branded", "local", "non-local"})

YES, NO = frozenset({"true", "yes", "1", "x", "y"}), frozenset({"false", "no", "0", "n"})

FEATURES: dict[str, tuple[str, ...]] = {
    "featured_snippet": ("featured snippet", "featured snippets", "snippet", "answer box"),
    "people_also_ask": ("people also ask", "related questions", "paa", "faq"),
    "ai_overview": ("ai overview", "ai overviews", "sge", "ai summary"),
    "image_pack": ("image pack", "image", "images", "images pack", "image carousel"),
    "video": ("video", "videos", "video carousel", "video preview", "featured video"),
    "shopping": (
        "shopping", "shopping results", "shopping ads", "shopping result", "product carousel",
        "popular products", "organic shopping",
    ),
    "local_pack": ("local pack", "local", "local results", "map", "maps", "map pack"),
    "top_stories": ("top stories", "top story", "news", "news box", "in the news"),
    "knowledge_panel": (
        "knowledge panel", "knowledge card", "knowledge graph", "knowledge panels",
    ),
    "discussions": (
        "discussions", "discussion", "discussions and forums", "discussions & forums", "forums",
    ),
    "ads": (
        "ads", "ad", "adwords top", "adwords bottom", "adwords", "ads top", "ads bottom",
        "ads middle", "top ads", "bottom ads", "paid ads", "paid top", "paid bottom",
    ),
    "sitelinks": ("sitelinks", "sitelink", "site links"),
    "things_to_know": ("things to know",),
    "reviews": ("reviews", "review", "ratings", "rating"),
    "instant_answer": ("instant answer", "direct answer", "answer"),
    "thumbnail": ("thumbnail", "thumbnails"),
}  # fmt: skip
FEATURE_WORDS = {word: slug for slug, words in FEATURES.items() for word in words} | {
    slug.replace("_", " "): slug for slug in FEATURES
}
NO_FEATURE = frozenset({"organic", "organic results"})

COUNTRY_NAMES: dict[str, str] = {
    "uk": "GB", "united kingdom": "GB", "great britain": "GB", "england": "GB",
    "vereinigtes königreich": "GB", "royaume-uni": "GB", "reino unido": "GB",
    "united states": "US", "united states of america": "US", "usa": "US", "u.s.": "US",
    "vereinigte staaten": "US", "états-unis": "US", "estados unidos": "US", "stati uniti": "US",
    "germany": "DE", "deutschland": "DE", "allemagne": "DE", "alemania": "DE",
    "france": "FR", "frankreich": "FR", "francia": "FR",
    "spain": "ES", "españa": "ES", "spanien": "ES", "espagne": "ES",
    "italy": "IT", "italia": "IT", "italien": "IT", "italie": "IT",
    "netherlands": "NL", "the netherlands": "NL", "nederland": "NL", "niederlande": "NL",
    "pays-bas": "NL",
    "belgium": "BE", "belgique": "BE", "belgië": "BE", "belgien": "BE",
    "poland": "PL", "polska": "PL", "polen": "PL", "portugal": "PT",
    "brazil": "BR", "brasil": "BR", "mexico": "MX", "méxico": "MX",
    "argentina": "AR", "colombia": "CO", "chile": "CL", "peru": "PE", "perú": "PE",
    "canada": "CA", "kanada": "CA", "australia": "AU", "australien": "AU",
    "new zealand": "NZ", "india": "IN", "indien": "IN", "ireland": "IE", "irland": "IE",
    "austria": "AT", "österreich": "AT", "switzerland": "CH", "schweiz": "CH", "suisse": "CH",
    "svizzera": "CH", "sweden": "SE", "sverige": "SE", "schweden": "SE",
    "norway": "NO", "norge": "NO", "denmark": "DK", "danmark": "DK", "finland": "FI",
    "suomi": "FI", "czechia": "CZ", "czech republic": "CZ", "česko": "CZ",
    "česká republika": "CZ", "slovakia": "SK", "slovensko": "SK", "hungary": "HU",
    "magyarország": "HU", "romania": "RO", "românia": "RO", "bulgaria": "BG",
    "greece": "GR", "ελλάδα": "GR", "turkey": "TR", "türkiye": "TR", "turkiye": "TR",
    "russia": "RU", "россия": "RU", "ukraine": "UA", "україна": "UA",
    "japan": "JP", "日本": "JP", "south korea": "KR", "korea": "KR", "대한민국": "KR",
    "china": "CN", "中国": "CN", "taiwan": "TW", "hong kong": "HK", "singapore": "SG",
    "malaysia": "MY", "indonesia": "ID", "thailand": "TH", "ไทย": "TH",
    "vietnam": "VN", "việt nam": "VN", "philippines": "PH", "pakistan": "PK",
    "bangladesh": "BD", "south africa": "ZA", "nigeria": "NG", "kenya": "KE", "egypt": "EG",
    "morocco": "MA", "maroc": "MA", "israel": "IL", "saudi arabia": "SA",
    "united arab emirates": "AE", "uae": "AE",
}  # fmt: skip
ANYWHERE = frozenset({"worldwide", "global", "all", "all countries", "all locations", "world"})

MONTHS: dict[str, int] = {
    word: number
    for number, words in enumerate(
        (
            "jan january enero ene janvier janv januar oca ocak gennaio gen styczeń sty",
            "feb february febrero février févr februar şub şubat febbraio luty lut",
            "mar march marzo mars märz mär mart marzec mrz",
            "apr april abril abr avril avr nis nisan aprile kwiecień kwi",
            "may mayo mai mayıs maggio mag maj mei",
            "jun june junio juin juni haz haziran giugno giu czerwiec cze",
            "jul july julio juillet juil juli tem temmuz luglio lug lipiec lip",
            "aug august agosto ago août ağu ağustos sierpień sie",
            "sep sept september septiembre septembre eyl eylül settembre set wrzesień wrz",
            "oct october octubre octobre oktober okt eki ekim ottobre ott październik paź",
            "nov november noviembre novembre kas kasım listopad lis",
            "dec december diciembre dic décembre déc dezember dez ara aralık dicembre grudzień gru",
        ),
        start=1,
    )
    for word in words.split()
}

LOCALISED: dict[str, str] = {
    local: english
    for english, locals_ in {
        "top queries": (
            "requêtes les plus fréquentes", "consultas principales", "häufigste suchanfragen",
            "query principali", "populairste zoekopdrachten", "najpopularniejsze zapytania",
            "en popüler sorgular", "nejčastější dotazy", "vanligaste sökfrågorna",
            "поисковый запрос", "上位のクエリ", "인기 검색어", "热门查询",
        ),
        "top pages": (
            "pages les plus populaires", "páginas principales", "häufigste seiten",
            "pagine principali", "populairste pagina's", "najpopularniejsze strony",
            "en popüler sayfalar", "nejčastější stránky", "vanligaste sidorna",
            "страница", "самые популярные страницы", "上位のページ", "인기 페이지",
            "热门网页", "排名靠前的网页",
        ),
        "clicks": (
            "clics", "klicks", "clic", "klikken", "kliknięcia", "tıklama", "tıklamalar",
            "kliknutí", "klick", "клики", "クリック数", "클릭수", "点击次数",
        ),
        "impressions": (
            "impresiones", "impressionen", "impressioni", "vertoningen", "wyświetlenia",
            "görüntüleme", "gösterimler", "zobrazení", "visningar", "показы", "表示回数",
            "노출수", "展示次数", "展示",
        ),
        "ctr": ("klickrate", "klickfrekvens", "클릭률", "点击率"),
        "position": (
            "position moyenne", "posición", "posición media", "durchschnittliche position",
            "posizione media", "posizione", "positie", "gemiddelde positie", "pozycja",
            "średnia pozycja", "ortalama konum", "konum", "průměrná pozice", "pozice",
            "genomsnittlig position", "позиция", "средняя позиция", "掲載順位", "평균 게재순위",
            "平均排名", "排名", "avg. position", "average position",
        ),
        "keyword": (
            "palabra clave", "anahtar kelime", "mot clé", "mot-clé", "suchbegriff", "từ khóa",
            "parola chiave", "słowo kluczowe", "palavra-chave", "zoekwoord", "ключевое слово",
        ),
        "avg. monthly searches": (
            "promedio de búsquedas mensuales", "ort. aylık aramalar",
            "durchschnittl. suchanfragen pro monat", "nombre moyen de recherches mensuelles",
            "media ricerche mensili", "média de pesquisas mensais",
            "gem. maandelijkse zoekopdrachten",
        ),
        "currency": (
            "moneda", "divisa", "para birimi", "währung", "devise", "valuta", "moeda", "waluta",
        ),
        "competition": (
            "competencia", "rekabet", "wettbewerb", "concurrence", "concorrenza",
            "concorrência", "concurrentie", "konkurencja",
            "competencia (valor indexado)", "rekabet (dizine eklenmiş değer)",
        ),
        "segmentation": ("segmentación", "segmentasyon", "segmentierung", "segmentazione"),
        "three month change": ("cambio en tres meses", "üç aylık değişim"),
        "yoy change": ("cambio interanual", "yıllık değişim", "yıldan yıla değişim"),
        "top of page bid": (
            "puja de la parte superior de la página",
            "puja por la parte superior de la página", "sayfanın üst kısmı teklifi",
            "sayfa üstü teklifi", "üst sayfa teklifi",
        ),
        "filter": ("filtre", "filtro", "filtr", "filtre türü", "фильтр", "フィルタ", "필터"),
        "value": ("valeur", "valor", "wert", "valore", "waarde", "wartość", "değer", "hodnota"),
        "country": (
            "pays", "país", "land", "paese", "kraj", "ülke", "země", "страна", "国", "国家",
            "국가",
        ),
    }.items()
    for local in locals_
}  # fmt: skip
"""Names of columns in other languages than English, in their header form."""

MONTH_PREFIXES = ("searches", "búsquedas", "aramalar", "suchanfragen", "recherches", "ricerche")
