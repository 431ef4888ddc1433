-- What clearing must make of the walk: records, verdicts, gaps, journeys, shares and transfers.
--
-- Everything stands for a *run*: 1 = without the clearing-side faults that truth lists (a corrupted
-- TAC, a device never enrolled), 2 = with them, 0 = the same in both, which is nearly all of it.
-- Faults on the card's side are facts in both. Keys, accounts and codes: docs/spec/clearing.md.
-- Needs the tables of truth.sql, the tariff, purse_limit and current_edition, and oracle.sql.

-- Joins are written in the order in which they are cheap: many rows left, few right. DuckDB's own
-- guesses of sizes turn some of them round, which doubles the time.
SET disabled_optimizers = 'join_order,build_side_probe_side';

CREATE TABLE event AS FROM events_of('happened');
CREATE TABLE outcome AS FROM walk('event');
DROP TABLE event;

-- One row a record: which terminal wrote it and what it must say (R8, R15, docs/spec/records.md).
CREATE TABLE record AS
WITH done AS (
    SELECT o.rid, o.card, o.nt, o.balance, o.amount, o.verdict, o.recovers, o.direction, o.leg,
           p.terminal, p.place, p.at_ms, p.torn, p.hotlist, p.uploaded_at_ms,
           p.tac_corrupted <> 0 AS corrupted
    FROM outcome o JOIN presented p USING (rid)
),
told AS (  -- with the presentation that completed it, if it was torn
    SELECT done.*, again.rid AS by_rid, again.terminal AS by_terminal, again.hotlist AS by_hotlist,
           again.uploaded_at_ms AS by_uploaded_at_ms, again.corrupted AS by_corrupted,
           verdict = 9 OR verdict = 0 AND torn = 1
               AND coalesce(again.terminal <> done.terminal, true) AS silent
    FROM done LEFT JOIN (SELECT recovers AS first_rid, * EXCLUDE (recovers, verdict, torn)
                         FROM done WHERE recovers > 0) again ON again.first_rid = done.rid
    WHERE recovers = 0
),
written AS (
    SELECT rid, rid AS tap_rid, terminal AS recorder, terminal, card, place, at_ms,
           silent, verdict = 0 AS wrote, by_rid IS NOT NULL AS completed,
           CASE WHEN silent AND verdict = 0 THEN nt - 1 ELSE nt END AS nt,
           CASE WHEN silent OR verdict <> 0 THEN 0 ELSE amount END AS amount,
           CASE WHEN silent AND verdict = 0 THEN balance + amount ELSE balance END AS balance,
           CASE WHEN silent THEN 9 ELSE verdict END AS refusal,
           CASE WHEN silent THEN 2 WHEN by_rid IS NOT NULL THEN 1 ELSE 0 END AS flags,
           at_ms % 1000 AS ms,
           CASE WHEN silent THEN hotlist ELSE coalesce(by_hotlist, hotlist) END AS hotlist,
           CASE WHEN silent THEN uploaded_at_ms
                ELSE coalesce(by_uploaded_at_ms, uploaded_at_ms) END AS uploaded_at_ms,
           corrupted OR coalesce(by_corrupted, false) AS corrupted, direction, leg
    FROM told
    UNION ALL  -- completed at another gate: the first presentation's card part, by that gate
    SELECT by_rid, rid, by_terminal, terminal, card, place, at_ms, false, true, true,
           nt, amount, balance, 0, 1, 0, by_hotlist, by_uploaded_at_ms,
           corrupted OR by_corrupted, direction, leg
    FROM told WHERE by_terminal <> terminal
)
SELECT w.*, c.issuer, t.service, t.operator, t.enrolled,
       CASE WHEN t.service <= 5 THEN 2 WHEN t.service <= 7 THEN 3
            WHEN t.service BETWEEN 16 AND 18 THEN 4 ELSE 1 END AS kind,
       -- R15: the first that holds; R17 puts a listed card's tap on the operator or the issuer
       CASE WHEN refusal > 0 THEN refusal
            WHEN l.version IS NOT NULL AND (w.hotlist >= l.version
                 OR w.at_ms > l.published_at_ms + 86400000) THEN 26
            WHEN t.service BETWEEN 16 AND 18 AND w.balance > coalesce(limits.idr, 4294967295)
                THEN 28
            ELSE 0 END AS verdict_clean,
       CASE WHEN NOT (recorded.enrolled AND t.enrolled) THEN 21
            WHEN refusal = 0 AND corrupted THEN 24
            ELSE verdict_clean END AS verdict
FROM written w
JOIN card c USING (card)
JOIN terminal t ON t.terminal = w.terminal
JOIN terminal recorded ON recorded.terminal = w.recorder
LEFT JOIN first_listing l ON l.card = w.card
LEFT JOIN purse_limit limits ON limits.profile = c.profile;

-- R19: the first NT of each card that is missing or refused; what clearing prices ends before it.
-- A gap is given up at the 30th day close, counted from that of the first record after it.
CREATE TABLE gap AS
WITH missing AS (
    SELECT 1 AS run, card, nt FROM record WHERE refusal = 0 AND verdict_clean > 0
    UNION ALL
    SELECT 2, card, nt FROM record WHERE refusal = 0 AND verdict > 0
    UNION ALL  -- the card wrote, but no device ever heard of it
    SELECT unnest([1, 2]), card, nt + 1 FROM record WHERE silent AND wrote AND NOT completed
),
held AS (
    SELECT m.run, m.card, m.nt, min(r.at_ms) // 1000 AS next_at
    FROM missing m LEFT JOIN record r ON r.card = m.card AND r.nt > m.nt AND r.refusal = 0
    GROUP BY ALL
)
SELECT run, card, min(nt) AS nt FROM held CROSS JOIN closing
WHERE next_at IS NULL OR closing.at_s < business_day_end(business_day(next_at) + 29)
GROUP BY ALL;

-- Cards whose clearing differs from what their devices did: a gap, a lost exit, a stale tariff.
CREATE TABLE apart AS
SELECT card FROM gap
UNION SELECT card FROM record WHERE silent AND service <= 5
UNION SELECT p.card FROM presented p, current_edition c WHERE p.edition <> c.edition;

-- What clearing knows of such a card, in NT order: its debits before the gap, and found exits
-- (R18), unless the same leg reached an exit later after all.
CREATE MACRO cleared_taps(wanted) AS TABLE
SELECT r.tap_rid AS rid, r.card, r.at_ms AS ordinal, r.at_ms // 1000 AS at_s, r.terminal, r.place,
       0 AS amount, 0 AS torn, c.edition, 0 AS hotlist,
       CASE WHEN r.silent THEN 2 ELSE 1 END AS given, r.nt AS given_nt, p.metres
FROM record r
JOIN apart USING (card)
JOIN presented p ON p.rid = r.tap_rid
CROSS JOIN current_edition c
LEFT JOIN gap g ON g.run = wanted AND g.card = r.card
WHERE r.service <= 7 AND coalesce(r.nt < g.nt, true)
  AND (CASE wanted WHEN 1 THEN r.verdict_clean ELSE r.verdict END = 0
       OR r.silent AND NOT r.completed AND r.direction = 2 AND r.service <= 5
          AND (wanted = 1 OR r.verdict = 9)
          AND NOT EXISTS (FROM record l
                          WHERE l.card = r.card AND l.leg = r.leg AND l.refusal = 0
                            AND l.direction = 2 AND l.service <= 5));

CREATE TABLE cleared_1 AS FROM cleared_taps(1);
CREATE TABLE cleared_2 AS FROM cleared_taps(2);
CREATE TABLE event_1 AS FROM events_of('cleared_1');
CREATE TABLE event_2 AS FROM events_of('cleared_2');
CREATE TABLE walked_1 AS FROM walk('event_1');
CREATE TABLE walked_2 AS FROM walk('event_2');

-- One row a transit or parking debit, and a found exit, as clearing links it. Of what the card
-- paid, `entry_paid` is for an unsettled entry (its right price comes first), `found_paid` for one
-- whose exit was found, and `paid` for the journey or stay.
CREATE TABLE link AS
WITH walked AS (
    SELECT 0 AS run, 1 AS given, amount AS debited, 0 AS found_paid, 0 AS found_nt, 0 AS found_at,
           o.*
    FROM outcome o WHERE verdict = 0 AND recovers = 0 AND card NOT IN (SELECT card FROM apart)
    UNION ALL
    SELECT w.run, w.given, CASE WHEN w.given = 2 THEN 0 ELSE o.amount END,
           CASE WHEN w.given = 2 OR w.unsettled_nt = o.unsettled_nt OR o.unsettled_free THEN 0
                -- D8: of a debit the entry's right price comes first, whatever the device held
                ELSE least(o.amount, coalesce(highest.idr, flat.idr, 0)) END,
           o.unsettled_nt, o.unsettled_at, w.* EXCLUDE (run, given)
    FROM (SELECT 1 AS run, given, w.* FROM walked_1 w JOIN event_1 e USING (rid)
          UNION ALL SELECT 2, given, w.* FROM walked_2 w JOIN event_2 e USING (rid)) w
    JOIN outcome o USING (rid)
    CROSS JOIN current_edition c
    LEFT JOIN (SELECT r.card, r.nt, r.place FROM record r JOIN apart USING (card) WHERE refusal = 0)
        entered ON entered.card = o.card AND entered.nt = o.unsettled_nt
    LEFT JOIN highest_fare highest
        ON highest.dated = c.edition * 100000 + calendar_day(o.unsettled_at)
       AND highest.from_place = entered.place
    LEFT JOIN highest_flat flat
        ON flat.dated = c.edition * 100000 + calendar_day(o.unsettled_at)
       AND flat.service = o.unsettled_service
)
SELECT w.run, w.given, w.rid, w.card, w.nt, w.at_s, t.service, t.operator, w.direction,
       w.would, w.journey, w.journey_at, w.journey_free, w.own, w.leg, w.metres, w.late,
       w.stay, w.stay_due, w.unsettled, w.unsettled_nt, w.unsettled_at, w.unsettled_free,
       CASE WHEN w.direction = 1 AND is_transjakarta(t.service)
              OR w.direction = 2 AND is_rail(t.service) THEN operator_bit(t.service) ELSE 0 END
           AS counted,
       CASE WHEN w.unsettled_free THEN 0 ELSE least(w.debited, w.unsettled) END AS entry_paid,
       w.found_paid, w.found_nt, w.found_at, w.debited - entry_paid - w.found_paid AS paid
FROM walked w JOIN terminal t ON t.terminal = w.terminal
WHERE t.service <= 7;

-- R4 to R7, R11 to R13: journeys, what is due, and what was paid in their own taps.
CREATE TABLE journey_due AS
WITH summed AS (
    SELECT run, card, journey, min(journey_at) AS first_at, bool_or(journey_free) AS free,
           bit_or(counted) AS operators, sum(own)::BIGINT AS own, sum(metres)::BIGINT AS metres,
           bool_or(late AND counted > 0) AS late,
           bool_or(direction = 2 AND counted > 0 AND business_day(at_s) > business_day(journey_at))
               AS alone,
           sum(would)::BIGINT AS would, sum(paid)::BIGINT AS paid,
           arg_max(operator, leg) FILTER (counted > 0) AS last_operator, max(rid) AS last_rid
    FROM link WHERE journey > 0 GROUP BY ALL
)
SELECT s.*, r.window_s,
       CASE WHEN operators = 0 THEN 0
            ELSE due_of(operators, own, metres, late, base, step_idr, step_m, cap) END AS due
FROM summed s CROSS JOIN current_edition c
LEFT JOIN journey_rule r ON r.dated = c.edition * 100000 + calendar_day(first_at);

-- R18: of what an unsettled payment took for a found leg, the leg's own fare goes to its journey;
-- the rest is owed back, and all of it where a group pays for the journey.
CREATE TABLE found AS
SELECT paid.run, paid.card, paid.found_nt AS leg, paid.found_at AS at_s, leg.journey,
       paid.found_paid AS paid,
       CASE WHEN leg.journey_free THEN 0 ELSE least(paid.found_paid, leg.own) END AS kept
FROM link paid
JOIN link leg ON leg.run = paid.run AND leg.card = paid.card AND leg.leg = paid.found_nt
     AND leg.direction = 2 AND leg.given = 2
WHERE paid.found_paid > 0;

-- R13: which journeys have closed as of the instant that the close named.
CREATE TABLE journey AS
WITH last_leg AS (  -- the last tap of each card, where it left a railway leg open
    SELECT run, card, arg_max(journey, at_s) AS journey
    FROM link WHERE service <= 5 GROUP BY ALL
    HAVING arg_max(is_rail(service) AND direction = 1, at_s)
)
SELECT j.*, CASE WHEN free THEN would ELSE j.paid + coalesce(f.kept, 0) END AS charged,
       closing.at_s >= business_day_end(business_day(first_at)) OR late OR alone
       OR first_at < max(first_at) OVER (PARTITION BY j.run, j.card)
       OR closing.at_s - first_at > window_s AND l.card IS NULL AS closed
FROM journey_due j
CROSS JOIN closing
LEFT JOIN last_leg l USING (run, card, journey)
LEFT JOIN (SELECT run, card, journey, sum(kept)::BIGINT AS kept FROM found GROUP BY ALL) f
    USING (run, card, journey);

-- R13: each counted leg's own fare, and its share of what is due by largest remainder.
CREATE TABLE leg AS
WITH counted_leg AS (
    SELECT run, card, journey, leg, max(operator) FILTER (counted > 0) AS operator,
           max(service) FILTER (counted > 0) AS service,
           sum(own)::BIGINT AS own, sum(metres)::BIGINT AS metres
    FROM link WHERE journey > 0 GROUP BY ALL HAVING bit_or(counted) > 0
),
parted AS (
    SELECT l.*, j.due, j.own AS own_all,
           CASE WHEN j.own = 0 THEN 0 ELSE j.due * l.own // j.own END AS floored,
           CASE WHEN j.own = 0 THEN 0 ELSE j.due * l.own % j.own END AS remainder
    FROM counted_leg l JOIN journey_due j USING (run, card, journey)
)
SELECT run, card, journey, leg, operator, service, own, metres,
       floored + CASE WHEN row_number() OVER (PARTITION BY run, card, journey
                                              ORDER BY remainder DESC, leg)
                           <= due - sum(floored) OVER (PARTITION BY run, card, journey)
                      THEN 1 ELSE 0 END AS share
FROM parted;
