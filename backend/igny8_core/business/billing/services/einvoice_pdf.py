"""What says that a PDF/A-3 carries an e-invoice: Factur-X's words in its metadata.

The typesetter embeds the XML and writes PDF/A's own metadata; ours are added by an incremental
update, which leaves every byte that it wrote where it is.
"""

from __future__ import annotations

import re
from typing import Final

FILE_NAME: Final = "factur-x.xml"
NAMESPACE: Final = "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"
FACTS: Final = {
    "DocumentFileName": (FILE_NAME, "name of the embedded XML invoice file"),
    "DocumentType": ("INVOICE", "INVOICE"),
    "Version": ("1.0", "The actual version of the Factur-X XML schema"),
    "ConformanceLevel": ("EN 16931", "The conformance level of the embedded Factur-X data"),
}
_SCHEMAS: Final = b"<pdfaExtension:schemas><rdf:Bag>"
_RDF_END: Final = b"</rdf:RDF>"
_METADATA: Final = re.compile(
    rb"(?P<name>\d+) 0 obj\s*<<(?P<keys>[^>]*/Type/Metadata[^>]*)>>\s*stream\n"
    rb"(?P<xmp>.*?)\n?endstream",
    re.DOTALL,
)
_TRAILER: Final = re.compile(
    rb"trailer\s*<<(?P<keys>.*?)>>\s*startxref\s+(?P<at>\d+)\s+%%EOF\s*$", re.DOTALL
)


def marked_as_facturx(pdf: bytes) -> bytes:
    """The PDF/A with Factur-X's metadata; same input, same bytes.

    :raises ValueError: this is no PDF as the typesetter writes it.
    """
    metadata, trailer = _METADATA.search(pdf), _TRAILER.search(pdf)
    if metadata is None or trailer is None or _SCHEMAS not in metadata["xmp"]:
        raise ValueError("a PDF/A of another kind than we know")
    xmp = metadata["xmp"].replace(_SCHEMAS, _SCHEMAS + _extension(), 1)
    xmp = xmp.replace(_RDF_END, _description() + _RDF_END, 1)
    keys = re.sub(rb"/Length \d+", b"/Length %d" % len(xmp), metadata["keys"])
    number = int(metadata["name"])
    begin = len(pdf)
    parts = [
        b"%d 0 obj\n<<%s>>\nstream\n%s\nendstream\nendobj\n" % (number, keys, xmp),
        b"xref\n%d 1\n%010d 00000 n\r\n" % (number, begin),
        b"trailer\n<<%s/Prev %s>>\n" % (trailer["keys"], trailer["at"]),
    ]
    return b"".join([pdf, *parts, b"startxref\n%d\n%%%%EOF" % (begin + len(parts[0]))])


def _description() -> bytes:
    """The facts themselves."""
    facts = "".join(f"<fx:{name}>{value}</fx:{name}>" for name, (value, _) in FACTS.items())
    return (
        f'<rdf:Description rdf:about="" xmlns:fx="{NAMESPACE}">{facts}</rdf:Description>'.encode()
    )


def _extension() -> bytes:
    """What the facts mean: PDF/A wants a schema of every word that is not its own."""
    properties = "".join(
        '<rdf:li rdf:parseType="Resource">'
        f"<pdfaProperty:category>external</pdfaProperty:category>"
        f"<pdfaProperty:description>{text}</pdfaProperty:description>"
        f"<pdfaProperty:name>{name}</pdfaProperty:name>"
        "<pdfaProperty:valueType>Text</pdfaProperty:valueType></rdf:li>"
        for name, (_, text) in FACTS.items()
    )
    return (
        '<rdf:li rdf:parseType="Resource">'
        "<pdfaSchema:schema>Factur-X PDFA Extension Schema</pdfaSchema:schema>"
        f"<pdfaSchema:namespaceURI>{NAMESPACE}</pdfaSchema:namespaceURI>"
        "<pdfaSchema:prefix>fx</pdfaSchema:prefix>"
        f"<pdfaSchema:property><rdf:Seq>{properties}</rdf:Seq></pdfaSchema:property></rdf:li>"
    ).encode()
