-- From truth/ as the city wrote it to the oracle's tables. Needs: presentation_as_written and so
-- on, edition_of, and the tables of reports/tariff_tables.py.

CREATE VIEW presentation AS FROM presentation_as_written;
CREATE TABLE card AS
SELECT card, issuer, "group" AS grp, group_expiry, expiry, nt, balance, profile, blocked
FROM card_as_written;
CREATE TABLE terminal AS
SELECT terminal, operator, service, kind, direction, place, vehicle, vehicle_class, enrolled
FROM terminal_as_written;

CREATE TABLE presented AS
SELECT row_number() OVER () AS rid, p.terminal,
       coalesce(p.written_terminal, p.terminal) AS written_terminal, p.presentation, p.card, p.at_ms, p.place, p.amount,
       p.torn, p.hotlist, p.uploaded_at_ms, p.tac_corrupted, e.edition, p.metres
FROM (FROM presentation UNION ALL BY NAME
      SELECT NULL::INTEGER AS metres, NULL::UINTEGER AS written_terminal WHERE false) p
JOIN edition_of e ON e.version = p.tariff;

-- What a trace id is derived from (scheme.records.trace_ids), in the numbers as written.
CREATE VIEW traced AS SELECT rid, written_terminal, presentation FROM presented;

-- Presentations that name what truth does not hold.
CREATE VIEW stranger AS
SELECT 'card' AS what, count(*) AS presentations FROM presentation ANTI JOIN card USING (card)
UNION ALL
SELECT 'terminal', count(*) FROM presentation ANTI JOIN terminal USING (terminal)
UNION ALL
SELECT 'tariff version', count(*)
FROM presentation p ANTI JOIN edition_of e ON p.tariff = e.version;

CREATE VIEW happened AS
SELECT rid, card, at_ms AS ordinal, at_ms // 1000 AS at_s, terminal, place, amount, torn, edition,
       hotlist, 0 AS given, 0 AS given_nt, metres
FROM presented;

CREATE TABLE fee AS SELECT service, payee, bps, code::VARCHAR AS code FROM fee_as_written;

CREATE TABLE listing AS SELECT DISTINCT version, card FROM hotlist_as_written WHERE card > 0;
CREATE TABLE first_listing AS
SELECT card, min(version) AS version, arg_min(published_at_ms, version) AS published_at_ms
FROM hotlist_as_written WHERE card > 0 GROUP BY card;

CREATE TABLE journey_rule AS
FROM window_rule LEFT JOIN distance_rule USING (dated) LEFT JOIN journey_cap USING (dated);

CREATE TABLE hourly_rate AS
SELECT h.dated, h.service, h.vehicle_class, any_value(h.free_s) AS free_s,
       list(h.idr ORDER BY h.hour) AS hours, any_value(c.idr) AS day_max
FROM hourly_price h LEFT JOIN day_cap c USING (dated, service, vehicle_class)
GROUP BY ALL;
