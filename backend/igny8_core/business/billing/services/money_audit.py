"""Do invoices, payments, credits and refunds say the same of every cent?"""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.db import connections, transaction

MAX_FINDINGS: Final = 1_000
TIMEOUT: Final = "15min"

# account, finding, subject, expected, found. Constraints stop nearly all of it; what a superuser
# forged, and what only several rows together say, is found here.
MONEY: Final = """
SELECT account_id, finding, subject, expected, found FROM (
SELECT min(i.account_id) AS account_id, 'numbers of a series are not 1 to its last' AS finding,
       s.id AS subject, s.last::bigint AS expected, count(i.id) AS found
  FROM billing_invoiceseries s LEFT JOIN billing_invoice i ON i.series_id = s.id
 WHERE s.doc_type = 'invoice'
 GROUP BY s.id HAVING count(i.id) <> s.last OR coalesce(max(i.no), 0) <> s.last
UNION ALL
SELECT min(n.account_id), 'numbers of a series are not 1 to its last', s.id, s.last, count(n.id)
  FROM billing_invoiceseries s LEFT JOIN billing_creditnote n ON n.series_id = s.id
 WHERE s.doc_type = 'credit_note'
 GROUP BY s.id HAVING count(n.id) <> s.last OR coalesce(max(n.no), 0) <> s.last
UNION ALL
SELECT p.account_id, 'a payment in the books whose invoice is not paid', p.id, 1, 0
  FROM billing_payment p
  JOIN billing_invoice i ON i.account_id = p.account_id AND i.id = p.invoice_id
 WHERE p.status IN ('completed', 'refunded') AND (i.status <> 'paid' OR i.number IS NULL)
UNION ALL
SELECT i.account_id, 'a paid invoice without a payment in the books', i.id, 1, 0
  FROM billing_invoice i
 WHERE i.status = 'paid' AND i.total_minor > 0 AND NOT EXISTS (
       SELECT 1 FROM billing_payment p WHERE p.account_id = i.account_id AND p.invoice_id = i.id
          AND p.status IN ('completed', 'refunded'))
UNION ALL
SELECT p.account_id, 'credits of a payment are not those of its invoice', p.id,
       coalesce(sold.credits, 0), coalesce(got.credits, 0)
  FROM billing_payment p
  LEFT JOIN LATERAL (SELECT sum(l.credits)::bigint AS credits FROM billing_invoiceline l
       WHERE l.account_id = p.account_id AND l.invoice_id = p.invoice_id) sold ON true
  LEFT JOIN LATERAL (SELECT sum(t.amount)::bigint AS credits FROM billing_credittransaction t
       WHERE t.account_id = p.account_id AND t.payment_id = p.id AND t.type = 'purchase') got
    ON true
 WHERE coalesce(got.credits, 0) <> CASE WHEN p.status IN ('completed', 'refunded')
       THEN coalesce(sold.credits, 0) ELSE 0 END
UNION ALL
SELECT i.account_id, 'a paid invoice of a subscription without its period', i.id, 1, 0
  FROM billing_invoice i
 WHERE i.status = 'paid' AND split_part(i.period_key, ':', 3) IN ('first', 'period')
   AND NOT EXISTS (SELECT 1 FROM billing_subscriptionperiod s
       WHERE s.account_id = i.account_id AND s.invoice_id = i.id)
UNION ALL
SELECT s.account_id, 'a period that was invoiced and whose invoice is not paid', s.id, 1, 0
  FROM billing_subscriptionperiod s
  JOIN billing_invoice i ON i.account_id = s.account_id AND i.id = s.invoice_id
 WHERE i.status <> 'paid'
UNION ALL
SELECT p.account_id, 'money given back is not the sum of the refunds', p.id,
       coalesce(r.amount, 0), p.refunded_minor
  FROM billing_payment p
  LEFT JOIN LATERAL (SELECT sum(f.amount_minor)::bigint AS amount FROM billing_refund f
       WHERE f.account_id = p.account_id AND f.payment_id = p.id
         AND f.status IN ('processing', 'succeeded')) r ON true
 WHERE p.refunded_minor <> coalesce(r.amount, 0)
UNION ALL
SELECT i.account_id, 'an invoice is not taken back by what its credit notes say', i.id,
       coalesce(n.amount, 0), i.credited_minor
  FROM billing_invoice i
  LEFT JOIN LATERAL (SELECT sum(CASE WHEN c.reverses_id IS NULL THEN c.total_minor
          ELSE -c.total_minor END)::bigint AS amount FROM billing_creditnote c
       WHERE c.account_id = i.account_id AND c.invoice_id = i.id) n ON true
 WHERE i.credited_minor <> coalesce(n.amount, 0)
UNION ALL
SELECT p.account_id, 'a bank has other money of a payment than the disputes say', p.id,
       coalesce(d.amount, 0), p.disputed_minor
  FROM billing_payment p
  LEFT JOIN LATERAL (SELECT sum(b.withdrawn_minor)::bigint AS amount FROM billing_dispute b
       WHERE b.account_id = p.account_id AND b.payment_id = p.id
         AND b.status IN ('withdrawn', 'lost')) d ON true
 WHERE p.disputed_minor <> coalesce(d.amount, 0)
UNION ALL
SELECT f.account_id, 'a refund whose credit note, or its reversal, is of another sum', f.id,
       f.amount_minor, least(n.total_minor, coalesce(r.total_minor, n.total_minor))
  FROM billing_refund f
  JOIN billing_creditnote n ON n.account_id = f.account_id AND n.id = f.credit_note_id
  LEFT JOIN billing_creditnote r ON r.account_id = f.account_id AND r.id = f.reversal_id
 WHERE f.amount_minor <> n.total_minor OR (r.id IS NOT NULL AND r.reverses_id IS DISTINCT FROM n.id)
) problems ORDER BY account_id, finding, subject LIMIT %s
"""


def money_problems() -> list[str]:
    """Everything that does not add up, in words, over all accounts; empty when all does."""
    using = settings.TENANCY_STAFF_ALIAS
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [TIMEOUT])
        cursor.execute(MONEY, [MAX_FINDINGS])
        return [
            f"account {account}: {finding}: {subject} (expected {expected}, found {found})"
            for account, finding, subject, expected, found in cursor.fetchall()
        ]
