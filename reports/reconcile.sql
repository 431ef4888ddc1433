-- Truth against ledger: every record by its trace id, every transfer by key, accounts and code.
-- Needs expected, transfer, leg, journey (the oracle's) and taps, transfers, legs (the export's).

-- Records that have no equal on the other side. The join carries what is compared and no more.
CREATE TABLE suspect AS
SELECT e.trace AS expected_trace, g.trace AS got_trace
FROM expected e FULL JOIN taps g ON e.trace = g.trace
WHERE e.trace IS NULL OR g.trace IS NULL OR g.verdict <> e.verdict OR g.state <> e.state
   OR g.amount <> e.amount OR g.balance <> e.balance OR g.nt <> e.nt OR g.card <> e.card
   OR g.terminal <> e.terminal OR g.recorder <> e.recorder OR g.issuer <> e.issuer
   OR g.place <> e.place OR g.kind <> e.kind;

-- Where the two sides differ, with what is wrong. An empty side is NULL.
CREATE TABLE differing AS
SELECT coalesce(e.trace, g.trace) AS trace, e.amount::BIGINT AS expected_idr,
       g.amount::BIGINT AS got_idr,
       e.verdict AS expected_verdict, g.verdict AS got_verdict,
       e.state AS expected_state, g.state AS got_state, coalesce(g.card, e.card) AS seen_card,
       coalesce(g.nt, e.nt) AS seen_nt, e.service,
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
FROM suspect s
LEFT JOIN expected e ON e.trace = s.expected_trace
LEFT JOIN (SELECT DISTINCT ON (trace) * FROM taps WHERE trace IN (SELECT got_trace FROM suspect)) g
    ON g.trace = s.got_trace;

-- Records told more than once. They join more often than there are records to be told, which is
-- cheaper to see than to look for.
CREATE TABLE repeated AS
SELECT trace, count(*) AS times, sum(amount)::BIGINT AS got_idr
FROM taps
WHERE (SELECT count(*) FROM taps) - (SELECT count(*) FROM suspect WHERE expected_trace IS NULL)
      > (SELECT count(*) FROM expected) - (SELECT count(*) FROM suspect WHERE got_trace IS NULL)
GROUP BY trace HAVING count(*) > 1;

-- Keys under which a transfer has no equal on the other side, or more than one.
CREATE TABLE suspect_key AS
WITH unequal AS (
    SELECT w.key AS wanted_key, t.key AS told_key
    FROM wanted w
    FULL JOIN transfers t ON t.key = w.key AND t.debit = w.debit AND t.credit = w.credit
         AND t.code = w.code AND t.operating_day = w.operating_day
    WHERE w.key IS NULL OR t.key IS NULL OR t.amount <> w.net
),
doubled AS (
    SELECT key FROM transfers
    WHERE (SELECT count(*) FROM transfers) - (SELECT count(*) FROM unequal WHERE wanted_key IS NULL)
          > (SELECT count(*) FROM wanted) - (SELECT count(*) FROM unequal WHERE told_key IS NULL)
    GROUP BY key, debit, credit, code, operating_day HAVING count(*) > 1
)
SELECT coalesce(wanted_key, told_key) AS key FROM unequal UNION SELECT key FROM doubled;

-- Net effects that differ, under each key, pair of accounts (in name order), code and day.
CREATE TABLE effect AS
WITH side AS (
    SELECT key, debit, credit, code, operating_day, net AS wanted, 0 AS booked FROM wanted
    WHERE key IN (FROM suspect_key)
    UNION ALL
    SELECT key, debit, credit, code, operating_day, 0, amount FROM transfers
    WHERE key IN (FROM suspect_key)
)
SELECT key, least(debit, credit) AS one, greatest(debit, credit) AS other, code, operating_day,
       sum(CASE WHEN debit < credit THEN wanted ELSE -wanted END)::BIGINT AS expected,
       sum(CASE WHEN debit < credit THEN booked ELSE -booked END)::BIGINT AS got
FROM side GROUP BY ALL HAVING expected <> got;

-- What is wrong under each key that differs, and between whom.
CREATE TABLE wrong_key AS
WITH by_code AS (
    SELECT key, code, sum(abs(expected))::BIGINT AS wanted,
           sum(abs(got))::BIGINT AS booked,
           bool_and(CASE WHEN expected = 0 THEN false
                         ELSE abs(got) >= 2 * abs(expected) AND got % expected = 0 END) AS doubled,
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
    SELECT r.trace, e.card, e.nt, e.service, 'duplicate', e.amount, r.got_idr,
           concat('told ', r.times, ' times')
    FROM repeated r JOIN expected e USING (trace)
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
                             r.expected, ', got ', r.got), '; '
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
