-- What the record and the page show beside the verdict. Needs the tables of reports/reconcile.sql.

CREATE MACRO taps_by_minute() AS TABLE
SELECT (at_ms // 60000)::BIGINT AS minute, service, count(*) AS taps
FROM expected GROUP BY ALL ORDER BY ALL;

CREATE MACRO service_figures() AS TABLE
SELECT t.service, count(*) AS taps,
       coalesce(sum(a.amount) FILTER (a.verdict = 0), 0)::BIGINT AS idr
FROM taps a JOIN terminal t USING (terminal) GROUP BY ALL ORDER BY ALL;

-- Rupiah that one participant's accounts gave to another's.
CREATE MACRO money_flow() AS TABLE
SELECT d.owner AS giver, c.owner AS taker, sum(amount)::BIGINT AS idr
FROM transfers
JOIN accounts d ON d.account = debit
JOIN accounts c ON c.account = credit
WHERE d.owner <> c.owner GROUP BY ALL ORDER BY ALL;

CREATE MACRO purse_total() AS (
    (SELECT coalesce(sum(CASE WHEN debit LIKE 'purse:%' THEN amount
                              WHEN credit LIKE 'purse:%' THEN -amount ELSE 0 END), 0)::BIGINT
     FROM transfers));

CREATE MACRO expected_total() AS (
    (SELECT coalesce(sum(CASE WHEN kind = 4 THEN -amount::BIGINT ELSE amount END), 0)::BIGINT
     FROM expected WHERE verdict = 0));

CREATE MACRO late_records(late_ms) AS (
    (SELECT count(*) FROM expected SEMI JOIN taps USING (trace)
     WHERE uploaded_at_ms - at_ms > late_ms));

CREATE MACRO explained_by_fault() AS TABLE
SELECT fault, count(*) AS taps, sum(amount)::BIGINT AS idr
FROM explained ANTI JOIN discrepancy USING (trace) GROUP BY ALL ORDER BY ALL;

CREATE MACRO discrepancies() AS TABLE
SELECT trace, key, class, card, nt, expected_idr, got_idr, follows, detail
FROM discrepancy ORDER BY follows, class, trace, key;

CREATE MACRO verdict_counts() AS TABLE
SELECT verdict, count(*) FROM taps GROUP BY ALL ORDER BY ALL;

CREATE MACRO expected_records() AS ((SELECT count(*) FROM expected));
CREATE MACRO told_records() AS ((SELECT count(*) FROM taps));
CREATE MACRO told_hash() AS ((SELECT sha256(lines) FROM told_lines()));
CREATE MACRO broken_rules() AS TABLE FROM broken ORDER BY ALL;
CREATE MACRO broken_purses() AS ((SELECT count(*) FROM broken_purse));
