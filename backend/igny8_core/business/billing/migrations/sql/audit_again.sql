-- Rows only when the books are wrong. With the reader's own rights: the staff role sees all.
-- Nothing is materialised: asked for one account, the view reads the rows of one account.

CREATE OR REPLACE VIEW ledger.audit WITH (security_invoker = true) AS
WITH entries AS NOT MATERIALIZED (
    SELECT account_id, sum(amount) AS total, max(seq) AS last, count(*) AS number
      FROM billing_credittransaction GROUP BY account_id
), holds AS NOT MATERIALIZED (
    SELECT account_id, sum(amount) AS total FROM billing_creditreservation
     WHERE status = 'held' GROUP BY account_id
), lots AS NOT MATERIALIZED (
    SELECT account_id, sum(remaining) AS remaining, sum(held) AS held
      FROM billing_creditlot GROUP BY account_id
), splits AS NOT MATERIALIZED (
    SELECT account_id, transaction_id, sum(amount) AS total
      FROM billing_credittransactionlot GROUP BY account_id, transaction_id
), histories AS NOT MATERIALIZED (
    SELECT account_id, lot_id, sum(amount) AS total
      FROM billing_credittransactionlot GROUP BY account_id, lot_id
), stands AS NOT MATERIALIZED (
    SELECT account_id, reservation_id, sum(amount) AS total
      FROM billing_creditreservationlot GROUP BY account_id, reservation_id
), lot_holds AS NOT MATERIALIZED (
    SELECT x.account_id, x.lot_id, sum(x.amount) AS total
      FROM billing_creditreservationlot x
      JOIN billing_creditreservation r ON r.account_id = x.account_id AND r.id = x.reservation_id
     WHERE r.status = 'held' GROUP BY x.account_id, x.lot_id
), grants AS NOT MATERIALIZED (
    SELECT account_id, id, idempotency_key, amount FROM billing_credittransaction
     WHERE type IN ('subscription', 'purchase', 'promo', 'reinstatement')
        OR (type = 'adjustment' AND amount > 0)
), debts AS NOT MATERIALIZED (
    SELECT account_id,
           sum(CASE type WHEN 'chargeback' THEN (metadata ->> 'debt')::bigint ELSE amount END)
               AS total
      FROM billing_credittransaction
     WHERE type = 'chargeback' OR (type = 'adjustment' AND idempotency_key LIKE 'debt:%')
     GROUP BY account_id
), links AS NOT MATERIALIZED (
    SELECT account_id, seq, balance_before,
           lag(balance_after) OVER (PARTITION BY account_id ORDER BY seq) AS before
      FROM billing_credittransaction
)
SELECT a.id AS account_id, 'account without a wallet' AS finding, a.id AS subject,
       1::numeric AS expected, 0::numeric AS found
  FROM igny8_auth_account a
 WHERE NOT EXISTS (SELECT 1 FROM billing_creditwallet w WHERE w.account_id = a.id)
UNION ALL
SELECT w.account_id, 'ledger sum is not the balance', w.account_id, w.balance, coalesce(r.total, 0)
  FROM billing_creditwallet w LEFT JOIN entries r USING (account_id)
 WHERE w.balance IS DISTINCT FROM r.total
UNION ALL
SELECT w.account_id, 'head or gap', w.account_id, w.seq, least(r.last, r.number)
  FROM billing_creditwallet w LEFT JOIN entries r USING (account_id)
 WHERE w.seq IS DISTINCT FROM r.last OR r.number <> r.last
UNION ALL
SELECT w.account_id, 'held is not the sum of reservations', w.account_id, w.held,
       coalesce(h.total, 0)
  FROM billing_creditwallet w LEFT JOIN holds h USING (account_id)
 WHERE w.held <> coalesce(h.total, 0)
UNION ALL
SELECT w.account_id, 'lots do not add up to the balance', w.account_id, w.balance,
       coalesce(l.remaining, 0)
  FROM billing_creditwallet w LEFT JOIN lots l USING (account_id)
 WHERE w.balance <> coalesce(l.remaining, 0)
UNION ALL
SELECT w.account_id, 'lots do not add up to held', w.account_id, w.held, coalesce(l.held, 0)
  FROM billing_creditwallet w LEFT JOIN lots l USING (account_id)
 WHERE w.held <> coalesce(l.held, 0)
UNION ALL
SELECT t.account_id, 'ledger row is not its split', t.id, t.amount, coalesce(s.total, 0)
  FROM billing_credittransaction t
  LEFT JOIN splits s ON s.account_id = t.account_id AND s.transaction_id = t.id
 WHERE t.amount <> coalesce(s.total, 0)
UNION ALL
SELECT s.account_id, 'split without a ledger row', s.transaction_id, 0, s.total
  FROM splits s
 WHERE NOT EXISTS (SELECT 1 FROM billing_credittransaction t
                    WHERE t.account_id = s.account_id AND t.id = s.transaction_id)
UNION ALL
SELECT l.account_id, 'lot is not its history', l.id, l.remaining, coalesce(h.total, 0)
  FROM billing_creditlot l
  LEFT JOIN histories h ON h.account_id = l.account_id AND h.lot_id = l.id
 WHERE l.remaining <> coalesce(h.total, 0)
UNION ALL
SELECT l.account_id, 'lot is not held by its reservations', l.id, l.held, coalesce(h.total, 0)
  FROM billing_creditlot l
  LEFT JOIN lot_holds h ON h.account_id = l.account_id AND h.lot_id = l.id
 WHERE l.held <> coalesce(h.total, 0)
UNION ALL
SELECT r.account_id, 'reservation is not its lots', r.id, r.amount, coalesce(s.total, 0)
  FROM billing_creditreservation r
  LEFT JOIN stands s ON s.account_id = r.account_id AND s.reservation_id = r.id
 WHERE r.amount <> coalesce(s.total, 0)
UNION ALL
SELECT r.account_id, 'captured reservation without its ledger row', r.id, -r.captured,
       coalesce(t.amount, 0)
  FROM billing_creditreservation r
  LEFT JOIN billing_credittransaction t
    ON t.account_id = r.account_id AND t.reservation_id = r.id AND t.type = 'deduction'
 WHERE r.status = 'captured' AND -r.captured <> coalesce(t.amount, 0)
UNION ALL
SELECT t.account_id, 'deduction without a captured reservation', t.id, t.amount,
       coalesce(-r.captured, 0)
  FROM billing_credittransaction t
  LEFT JOIN billing_creditreservation r
    ON r.account_id = t.account_id AND r.id = t.reservation_id AND r.status = 'captured'
 WHERE t.type = 'deduction' AND t.amount IS DISTINCT FROM -r.captured
UNION ALL
SELECT c.account_id, 'chain is broken', c.seq, c.before, c.balance_before
  FROM links c
 WHERE c.seq > 1 AND c.before IS DISTINCT FROM c.balance_before
UNION ALL
SELECT w.account_id, 'debt is not its history', w.account_id, w.debt, coalesce(d.total, 0)
  FROM billing_creditwallet w LEFT JOIN debts d USING (account_id)
 WHERE w.debt <> coalesce(d.total, 0)
UNION ALL
SELECT g.account_id, 'grant without its lot', g.id, g.amount, coalesce(l.granted, 0)
  FROM grants g
  LEFT JOIN billing_creditlot l
    ON l.account_id = g.account_id AND l.source_key = g.idempotency_key
 WHERE g.amount <> coalesce(l.granted, 0)
UNION ALL
SELECT l.account_id, 'lot without its grant', l.id, l.granted, 0
  FROM billing_creditlot l
 WHERE NOT EXISTS (SELECT 1 FROM grants g
                    WHERE g.account_id = l.account_id AND g.idempotency_key = l.source_key)
UNION ALL
SELECT s.account_id, 'credits held for no reservation', s.reservation_id, 0, s.total
  FROM stands s
 WHERE NOT EXISTS (SELECT 1 FROM billing_creditreservation r
                    WHERE r.account_id = s.account_id AND r.id = s.reservation_id)
UNION ALL
SELECT h.account_id, 'split of an unknown lot', h.lot_id, 0, h.total
  FROM histories h
 WHERE NOT EXISTS (SELECT 1 FROM billing_creditlot l
                    WHERE l.account_id = h.account_id AND l.id = h.lot_id)
UNION ALL
SELECT p.account_id, 'period brought less than its lot', p.id, p.credits, l.granted
  FROM billing_subscriptionperiod p
  JOIN billing_creditlot l ON l.account_id = p.account_id AND l.source_key = p.lot_key
 WHERE p.credits < l.granted
UNION ALL
SELECT l.account_id, 'plan credits without their period', l.id, 1, 0
  FROM billing_creditlot l
 WHERE l.source_key LIKE 'sub:%:period:%'
   AND NOT EXISTS (SELECT 1 FROM billing_subscriptionperiod p
                    WHERE p.account_id = l.account_id AND p.lot_key = l.source_key);
