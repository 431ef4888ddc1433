-- Truth against ledger: every record by its trace id, every transfer by key, accounts and code.
-- Needs expected, transfer, leg, journey (the oracle's) and taps, transfers, legs (the export's).

-- Where the two sides differ, with what is wrong. An empty side is NULL.
CREATE TABLE differing AS
SELECT coalesce(e.trace, g.trace) AS trace, e.rid, e.card, e.nt, e.amount AS expected_idr,
       g.amount AS got_idr, e.verdict AS expected_verdict, g.verdict AS got_verdict,
       e.state AS expected_state, g.state AS got_state, coalesce(g.card, e.card) AS seen_card,
       coalesce(g.nt, e.nt) AS seen_nt, coalesce(e.service, 0) AS service,
       CASE WHEN g.trace IS NULL THEN 'lost'
            WHEN e.trace IS NULL THEN 'stranger'
            WHEN g.recorder <> e.recorder OR g.terminal <> e.terminal OR g.card <> e.card
              OR g.issuer <> e.issuer OR g.place <> e.place OR g.kind <> e.kind THEN 'wrong_party'
            WHEN g.verdict = 27 AND e.verdict <> 27 THEN 'late'
            WHEN g.verdict = 0 AND e.verdict <> 0 THEN 'wrongly_accepted'
            WHEN g.verdict <> e.verdict THEN 'wrongly_refused'
            WHEN g.amount <> e.amount OR g.balance <> e.balance OR g.nt <> e.nt THEN 'wrong_fare'
            WHEN g.state = 'booked' THEN 'wrongly_accepted'
            ELSE 'late' END AS class
FROM expected e FULL JOIN taps g ON e.trace = g.trace
WHERE e.trace IS NULL OR g.trace IS NULL OR g.verdict <> e.verdict OR g.state <> e.state
   OR g.amount <> e.amount OR g.balance <> e.balance OR g.nt <> e.nt OR g.card <> e.card
   OR g.terminal <> e.terminal OR g.recorder <> e.recorder OR g.issuer <> e.issuer
   OR g.place <> e.place OR g.kind <> e.kind;

-- Net effects of both sides under each key, pair of accounts (in name order), code and day.
CREATE TABLE effect AS
WITH wanted AS (
    SELECT key_of(kind, issuer, card, nt) AS key, least(debit, credit) AS one,
           greatest(debit, credit) AS other, code, operating_day,
           sum(CASE WHEN debit < credit THEN net ELSE -net END)::BIGINT AS net
    FROM transfer WHERE run IN (0, 2) GROUP BY ALL
),
booked AS (
    SELECT key, least(debit, credit) AS one, greatest(debit, credit) AS other, code, operating_day,
           sum(CASE WHEN debit < credit THEN amount ELSE -amount END)::BIGINT AS net
    FROM transfers GROUP BY ALL HAVING net <> 0
)
SELECT key, one, other, code, operating_day, w.net AS expected, b.net AS got
FROM wanted w FULL JOIN booked b USING (key, one, other, code, operating_day)
WHERE w.net IS DISTINCT FROM b.net;

-- What is wrong under each key that differs, and between whom.
CREATE TABLE wrong_key AS
WITH by_code AS (
    SELECT key, code, sum(abs(coalesce(expected, 0)))::BIGINT AS wanted,
           sum(abs(coalesce(got, 0)))::BIGINT AS booked,
           bool_and(coalesce(abs(got) >= 2 * abs(expected) AND got % expected = 0, false))
               AS doubled,
           count(DISTINCT operating_day) > 1 AS other_day
    FROM effect GROUP BY ALL
)
SELECT key, split_part(key, ':', 1) AS kind, TRY_CAST(split_part(key, ':', 3) AS UBIGINT) AS card,
       TRY_CAST(split_part(key, ':', 4) AS BIGINT) AS nt,
       CASE WHEN bool_and(doubled) THEN 'duplicate'
            WHEN bool_and(wanted = booked) AND bool_or(other_day) THEN 'late'
            WHEN bool_and(code IN ('fare_share', 'integration')) AND sum(wanted) = sum(booked)
                THEN 'wrong_share'
            WHEN bool_and(wanted = booked) THEN 'wrong_party'
            WHEN kind = 'tap' AND bool_and(code IN ('fee', 'share')) THEN 'wrong_share'
            WHEN kind = 'stay' AND bool_and(code = 'share') THEN 'wrong_share'
            WHEN kind = 'tap' AND sum(booked) = 0 THEN 'lost'
            WHEN kind = 'tap' AND sum(wanted) = 0 THEN 'wrongly_accepted'
            ELSE 'wrong_fare' END AS class
FROM by_code GROUP BY key;

-- Which tap each of them is about: of a journey, the one that made the first leg known whose
-- figures differ; of a stay or entry, the one that ends or begins it.
CREATE TABLE tap_of AS
WITH counted AS (
    SELECT card, journey, leg, rid, given FROM link
    WHERE run IN (0, 2) AND journey > 0 AND counted > 0
),
numbered AS (
    SELECT key_of('journey', c.issuer, l.card, l.journey) AS key, l.card, l.journey, l.leg,
           l.own, l.share, l.operator,
           row_number() OVER (PARTITION BY l.card, l.journey ORDER BY l.leg) AS place
    FROM leg l JOIN card c USING (card)
    WHERE run IN (0, 2) AND l.card IN (SELECT card FROM wrong_key)
),
told AS (
    SELECT *, row_number() OVER (PARTITION BY key ORDER BY leg) AS place
    FROM legs WHERE key IN (SELECT key FROM wrong_key)
),
at_leg AS (
    SELECT n.key, n.card, n.journey,
           coalesce(min(n.leg) FILTER (t.key IS NULL OR t.own_fare_idr <> n.own
                                       OR t.share_idr <> n.share OR t.operator <> n.operator),
                    max(n.leg)) AS leg
    FROM numbered n LEFT JOIN told t USING (key, place) GROUP BY ALL
),
by_rid AS (
    SELECT k.key, k.card, k.nt, coalesce(c.rid, s.rid) AS rid, coalesce(c.given, 1) = 1 AS on_card
    FROM wrong_key k
    LEFT JOIN at_leg a USING (key)
    LEFT JOIN counted c ON c.card = a.card AND c.journey = a.journey AND c.leg = a.leg
    LEFT JOIN (SELECT card, stay, rid FROM link
               WHERE run IN (0, 2) AND stay > 0 AND direction = 2) s
        ON k.kind = 'stay' AND s.card = k.card AND s.stay = k.nt
)
SELECT r.key, coalesce(by_tap.trace, by_nt.trace) AS trace
FROM by_rid r
LEFT JOIN expected by_tap ON by_tap.tap_rid = r.rid AND (by_tap.refusal = 0) = r.on_card
LEFT JOIN expected by_nt ON by_nt.card = r.card AND by_nt.nt = r.nt AND by_nt.refusal = 0;

-- Everything that is wrong, one row a record or key. A row `follows` where a record of the same
-- card is wrong already: what it holds up (R19) and the money that hangs on it.
CREATE TABLE discrepancy AS
WITH wrong_record AS (
    SELECT trace, seen_card AS card, seen_nt AS nt, service,
           CASE WHEN class <> 'stranger' THEN class
                WHEN EXISTS (FROM expected e WHERE e.card = seen_card AND e.nt = seen_nt)
                    THEN 'duplicate'
                ELSE 'wrongly_accepted' END AS class,
           CASE WHEN expected_verdict = 0 THEN expected_idr ELSE 0 END AS expected_idr,
           CASE WHEN got_verdict = 0 THEN got_idr ELSE 0 END AS got_idr,
           concat('expected verdict ', coalesce(expected_verdict::VARCHAR, 'none'), ' ',
                  expected_state, ', got ', coalesce(got_verdict::VARCHAR, 'none'), ' ', got_state)
               AS detail
    FROM differing
    UNION ALL
    SELECT t.trace, any_value(e.card), any_value(e.nt), any_value(e.service), 'duplicate',
           any_value(e.amount), sum(t.amount)::BIGINT, concat('told ', count(*), ' times')
    FROM taps t JOIN expected e USING (trace) GROUP BY t.trace HAVING count(*) > 1
),
first_wrong AS (
    SELECT card, min(nt) AS nt FROM wrong_record WHERE class <> 'late' GROUP BY card
),
ranked AS (
    SELECT *, CASE WHEN code IN ('fare_share', 'parking', 'unsettled') THEN 1
                   WHEN code = 'integration' THEN 2 WHEN code IN ('refund', 'uncollected') THEN 3
                   ELSE 0 END AS weight
    FROM effect
),
wrong_money AS (
    SELECT k.key, k.class, k.kind, k.card, k.nt,
           coalesce(sum(abs(r.expected)) FILTER (r.weight = lowest), 0)::BIGINT AS expected_idr,
           coalesce(sum(abs(r.got)) FILTER (r.weight = lowest), 0)::BIGINT AS got_idr,
           string_agg(concat(r.code, ' ', r.one, ' ', r.other, ': expected ',
                             coalesce(r.expected, 0), ', got ', coalesce(r.got, 0)), '; '
                      ORDER BY r.weight, r.code, r.one, r.other) AS detail
    FROM wrong_key k
    JOIN (SELECT *, min(weight) OVER (PARTITION BY key) AS lowest FROM ranked) r USING (key)
    GROUP BY ALL
)
SELECT w.trace, NULL::VARCHAR AS key, w.class, w.card, w.nt, w.service, w.expected_idr, w.got_idr,
       w.class = 'late' AND coalesce(f.nt < w.nt, false) AS follows, w.detail
FROM wrong_record w LEFT JOIN first_wrong f USING (card)
UNION ALL
SELECT t.trace, m.key, m.class, m.card, m.nt, e.service, m.expected_idr, m.got_idr,
       f.card IS NOT NULL AND (m.kind <> 'tap' OR EXISTS (
           FROM wrong_record w WHERE w.card = m.card AND w.nt = m.nt)), m.detail
FROM wrong_money m
LEFT JOIN tap_of t USING (key)
LEFT JOIN expected e ON e.trace = t.trace
LEFT JOIN first_wrong f ON f.card = m.card;

-- The lines behind the export's own `ledger_hash`, as ledger_lines has them for the oracle's.
CREATE MACRO told_lines() AS TABLE
WITH net_effect AS (
    SELECT key, least(debit, credit) AS one, greatest(debit, credit) AS other, code, operating_day,
           sum(CASE WHEN debit < credit THEN amount ELSE -amount END)::BIGINT AS net
    FROM transfers GROUP BY ALL
),
line AS (
    SELECT concat_ws('|', key, one, other, code, operating_day, net) AS text
    FROM net_effect WHERE net <> 0
)
SELECT coalesce(string_agg(text, chr(10) ORDER BY text), '') AS lines FROM line;
