-- The rack's presentations by kind of card, and how long each card would have lain in a field.
-- Needs played and exchanged, the rack's taps and exchanges; a row of played is a presentation.

CREATE OR REPLACE MACRO card_kinds() AS TABLE
WITH taken AS (
    SELECT driver, card_kind, rack_place, presentation, done_us - intended_us AS us,
           started_us - presented_us AS detect_us, done_us - started_us AS tap_us
    FROM played WHERE NOT displaced
), told AS (
    SELECT t.driver, t.card_kind, count(*) AS exchanges,
           quantile_disc(e.us, 0.5) AS exchange_p50_us, quantile_disc(e.us, 0.99) AS exchange_p99_us
    FROM taken t JOIN exchanged e USING (presentation)
    WHERE e.name LIKE 'card %' GROUP BY ALL
)
SELECT t.driver, t.card_kind, count(DISTINCT t.rack_place) AS places, count(*) AS taps,
       any_value(n.exchanges) AS exchanges, quantile_disc(t.us, 0.99) AS p99_us,
       quantile_disc(t.detect_us, 0.99) AS detect_p99_us,
       quantile_disc(t.tap_us, 0.99) AS tap_p99_us,
       any_value(n.exchange_p50_us) AS exchange_p50_us,
       any_value(n.exchange_p99_us) AS exchange_p99_us
FROM taken t LEFT JOIN told n USING (driver, card_kind)
GROUP BY ALL ORDER BY ALL;

-- One row a presentation that was carried through: bytes over the air by phase, and the SAM's
-- exchanges for which the card has to wait. A SAM's last word comes when the card may leave.
CREATE OR REPLACE MACRO air_bytes() AS TABLE
WITH last AS (
    SELECT presentation, max("exchange") AS last FROM exchanged WHERE name LIKE 'card %' GROUP BY ALL
)
SELECT e.presentation,
       sum(e.bytes) FILTER (e.name = 'card SELECT')::BIGINT AS select_bytes,
       sum(e.bytes) FILTER (e.name = 'card INIT')::BIGINT AS init_bytes,
       coalesce(sum(e.bytes) FILTER (
           e.name LIKE 'card %' AND e.name NOT IN ('card SELECT', 'card INIT')
       ), 0)::BIGINT AS value_bytes,
       count(*) FILTER (e.name = 'card SELECT') AS select_frames,
       count(*) FILTER (e.name = 'card INIT') AS init_frames,
       count(*) FILTER (e.name LIKE 'card %' AND e.name NOT IN ('card SELECT', 'card INIT'))
           AS value_frames,
       count(*) FILTER (e.name LIKE 'sam %' AND e."exchange" < last.last) AS sam_exchanges
FROM (SELECT *, command_bytes + response_bytes AS bytes FROM exchanged) e
JOIN last USING (presentation) JOIN played p USING (presentation)
WHERE NOT p.displaced AND p.outcome <> 'tap_was_torn'
GROUP BY ALL HAVING select_frames > 0 AND init_frames > 0 ORDER BY ALL;
