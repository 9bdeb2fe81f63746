"""Faults that somebody could put into the ledger's SQL. The suite must notice each of them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True)
class Mutant:
    """A change of one function: ``old`` occurs in it exactly once."""

    file: str
    function: str
    old: str
    new: str

    def sql(self) -> str:
        """The statement that puts the fault in place."""
        folder = resources.files("igny8_core.business.billing.migrations") / "sql"
        text = (folder / self.file).read_text()
        start = text.index(f"FUNCTION ledger.{self.function}(")
        source = text[start : text.index("$$;", start) + 3]
        if source.count(self.old) != 1:
            raise ValueError(f"{self.function}: {self.old!r} occurs {source.count(self.old)} times")
        return "CREATE OR REPLACE " + source.replace(self.old, self.new)


WALLETS, RESERVATIONS, PERIODS = "wallets.sql", "reservations.sql", "periods.sql"
OPEN_LOTS = "open_lots.sql"
BURN_ORDER = "ORDER BY priority, expires_at NULLS LAST, id"

MUTANTS: dict[str, Mutant] = {
    "burn order ignores priority": Mutant(
        OPEN_LOTS, "hold", BURN_ORDER, "ORDER BY expires_at NULLS LAST, id"
    ),
    "lots that never expire burn first": Mutant(
        OPEN_LOTS, "hold", BURN_ORDER, "ORDER BY priority, expires_at NULLS FIRST, id"
    ),
    "young lots burn first": Mutant(
        OPEN_LOTS, "hold", BURN_ORDER, "ORDER BY priority, expires_at NULLS LAST, id DESC"
    ),
    "capture spends the last lots": Mutant(
        RESERVATIONS, "free_lots", "ORDER BY g.priority,", "ORDER BY g.priority DESC,"
    ),
    "reserve lets no lot expire": Mutant(
        RESERVATIONS, "reserve", "    w := ledger.after_expiry(w, t);\n", ""
    ),
    "extend lets no lot expire": Mutant(
        RESERVATIONS, "extend", "    w := ledger.after_expiry(w, t);\n", ""
    ),
    "freed credits of a due lot stay": Mutant(
        RESERVATIONS, "free_lots", "IF is_due THEN", "IF false THEN"
    ),
    "a lot is due a moment late when freed": Mutant(
        RESERVATIONS, "free_lots", "l.expires_at <= p_at", "l.expires_at < p_at"
    ),
    "a lot expires a moment late": Mutant(
        OPEN_LOTS, "expire_due_lots", "expires_at <= p_at", "expires_at < p_at"
    ),
    "held credits expire": Mutant(
        OPEN_LOTS, "expire_due_lots", "remaining - held AS free", "remaining AS free"
    ),
    "held credits count as available": Mutant(
        RESERVATIONS, "refusal", "w.balance - w.held < p_amount", "w.balance < p_amount"
    ),
    "the last credit cannot be reserved": Mutant(
        RESERVATIONS, "refusal", "w.balance - w.held < p_amount", "w.balance - w.held <= p_amount"
    ),
    "a block is ignored": Mutant(RESERVATIONS, "refusal", "w.is_staff_blocked OR ", ""),
    "a debt is ignored": Mutant(RESERVATIONS, "refusal", " OR w.debt > 0", ""),
    "capture may exceed": Mutant(
        RESERVATIONS, "resolve", "ELSIF p_amount > r.amount THEN", "ELSIF false THEN"
    ),
    "nothing can be captured in full": Mutant(
        RESERVATIONS, "resolve", "p_amount > r.amount", "p_amount >= r.amount"
    ),
    "a repeat may ask for something else": Mutant(
        RESERVATIONS,
        "reserve",
        "THEN 'exists' ELSE 'mismatch' END",
        "THEN 'exists' ELSE 'exists' END",
    ),
    "an extension changes the request": Mutant(
        RESERVATIONS, "reserve", "p_amount || ':' || p_fingerprint", "p_fingerprint"
    ),
    "the fence is gone": Mutant(
        RESERVATIONS, "resolve", "p_attempt IS DISTINCT FROM r.attempt", "false"
    ),
    "the fence stands behind the status": Mutant(
        RESERVATIONS,
        "resolve",
        "p_attempt IS DISTINCT FROM r.attempt",
        "r.status = 'held' AND p_attempt IS DISTINCT FROM r.attempt",
    ),
    "a take-over keeps the attempt": Mutant(
        RESERVATIONS, "take_over", "SET attempt = x.attempt + 1", "SET attempt = x.attempt"
    ),
    "the sweep frees what is not due": Mutant(
        RESERVATIONS, "resolve", "AND r.expires_at > t THEN", "AND false THEN"
    ),
    "the sweep comes a moment late": Mutant(
        RESERVATIONS, "resolve", "AND r.expires_at > t THEN", "AND r.expires_at >= t THEN"
    ),
    "lots stay held": Mutant(
        RESERVATIONS, "free_lots", "SET held = held - l.amount, remaining", "SET remaining"
    ),
    "freed credits do not pay the debt": Mutant(
        RESERVATIONS, "free_lots", "IF p_debt > 0 AND", "IF false AND"
    ),
    "granted credits do not pay the debt": Mutant(
        WALLETS, "grant_credits", "IF w.debt > 0 THEN", "IF false THEN"
    ),
    "a chargeback makes no debt": Mutant(
        WALLETS, "revoke_lot", "WHEN 'chargeback' THEN p_owed - taken", "WHEN 'chargeback' THEN 0"
    ),
    "a refund makes debt": Mutant(
        WALLETS,
        "revoke_lot",
        "WHEN 'chargeback' THEN p_owed - taken ELSE 0",
        "WHEN '' THEN 0 ELSE p_owed - taken",
    ),
    "held credits are revoked": Mutant(
        WALLETS, "revoke_lot", "least(l.remaining - l.held, p_owed)", "least(l.remaining, p_owed)"
    ),
    "a grant may be repeated with another body": Mutant(
        WALLETS,
        "grant_credits",
        "THEN 'exists' ELSE 'mismatch' END",
        "THEN 'exists' ELSE 'exists' END",
    ),
    "closing a lot takes what is held": Mutant(
        PERIODS, "close_lot", "amount := l.remaining - l.held", "amount := l.remaining"
    ),
    "bought credits can be closed": Mutant(
        PERIODS, "close_lot", "ELSIF l.kind <> 'plan' THEN", "ELSIF false THEN"
    ),
    "lifting one block lifts another": Mutant(
        WALLETS,
        "set_block",
        "WHEN 'dunning' THEN p_on ELSE is_dunning_blocked",
        "WHEN '' THEN p_on ELSE p_on",
    ),
}
