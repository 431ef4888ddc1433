-- One row a record as the export must tell it: the verdict, and whether clearing priced it, with
-- (run 2) and without (run 1, `_ideal`) the clearing-side faults; and the fault that explains the
-- difference. Needs reports/clearing.sql and trace_of (trace ids derived by reports/oracle.py).

CREATE MACRO state_of(refusal, verdict, held) AS (
    CASE WHEN verdict = 9 THEN 'torn' WHEN verdict <> 0 THEN 'none' WHEN held THEN 'gap'
         ELSE 'booked' END);

CREATE TABLE expected AS
WITH told AS (
    SELECT t.trace, r.*,
           coalesce(r.service <= 7 AND r.nt > g.nt, false) AS held,
           coalesce(r.service <= 7 AND r.nt > ideal.nt, false) AS held_ideal, g.nt AS gap_nt
    FROM record r
    JOIN trace_of t USING (rid)
    LEFT JOIN gap g ON g.run = 2 AND g.card = r.card
    LEFT JOIN gap ideal ON ideal.run = 1 AND ideal.card = r.card
)
SELECT trace, rid, tap_rid, recorder::UINTEGER AS recorder, terminal::UINTEGER AS terminal,
       card::UBIGINT AS card, issuer::USMALLINT AS issuer, nt::UINTEGER AS nt,
       kind::UTINYINT AS kind, place::USMALLINT AS place, amount::UINTEGER AS amount,
       balance::UINTEGER AS balance, verdict::UTINYINT AS verdict,
       verdict_clean::UTINYINT AS verdict_ideal,
       at_ms // 1000 AS at_s, at_ms, uploaded_at_ms, refusal, service, operator, direction,
       state_of(refusal, verdict, held) AS state,
       state_of(refusal, verdict_clean, held_ideal) AS state_ideal, gap_nt
FROM told;

-- Why a record's expectation differs from the ideal: its own fault, or that of the NT that holds
-- it up (R19).
CREATE TABLE explained AS
WITH own AS (
    SELECT trace, card, nt, amount, verdict, state, service,
           CASE verdict WHEN 21 THEN 'unknown_device' WHEN 24 THEN 'corrupted_tac' END AS fault,
           gap_nt
    FROM expected WHERE verdict <> verdict_ideal OR state <> state_ideal
)
SELECT o.trace, coalesce(o.fault, holder.fault) AS fault, o.fault IS NULL AS held_up, o.amount
FROM own o
LEFT JOIN (SELECT card, nt, any_value(fault) AS fault FROM own WHERE fault IS NOT NULL GROUP BY ALL)
    holder ON o.fault IS NULL AND holder.card = o.card AND holder.nt = o.gap_nt;

-- The transfers that must stand, by key.
CREATE TABLE wanted AS
SELECT key_of(kind, issuer, card, nt) AS key, debit, credit, code, operating_day, net
FROM transfer WHERE run IN (0, 2);
