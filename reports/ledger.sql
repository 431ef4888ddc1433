-- The transfers that must stand when the day is closed, of every run (reports/clearing.sql).
--
-- `debit` gives and `credit` receives; `net` is rupiah, never negative. A key names what the money
-- is for: a tap, a journey, an unsettled entry or a parking stay of one card.
-- Accounts, codes and keys: docs/spec/clearing.md.

CREATE MACRO key_of(kind, issuer, card, nt) AS (concat(kind, ':', issuer, ':', card, ':', nt));
CREATE MACRO purse(issuer) AS ('purse:' || issuer);
CREATE MACRO revenue(participant) AS ('revenue:' || participant);
CREATE MACRO refund_payable(issuer) AS ('refund_payable:' || issuer);
CREATE MACRO subsidy(grp) AS ('subsidy:g' || lpad(grp::VARCHAR, 2, '0'));

-- Money of single taps: fares into the hold, purchases and bills to whom they are owed, loads.
CREATE VIEW tap_money AS
WITH paid AS (
    SELECT CASE WHEN verdict = verdict_clean THEN 0 WHEN verdict = 0 THEN 2 ELSE 1 END AS run,
           'tap' AS kind, issuer, card, nt, service, operator, amount,
           business_day(at_ms // 1000)::INTEGER AS operating_day
    FROM record
    WHERE refusal = 0 AND amount > 0 AND (verdict = 0 OR verdict_clean = 0)
)
SELECT run, kind, issuer, card, nt,
       CASE WHEN service IN (16, 17, 18) THEN 'funding:' || operator ELSE purse(issuer) END
           AS debit,
       CASE WHEN service <= 7 THEN 'hold:journey' WHEN service IN (16, 17, 18) THEN purse(issuer)
            ELSE revenue(operator) END AS credit,
       CASE WHEN service <= 7 THEN 'fare_hold' WHEN service = 8 THEN 'purchase'
            WHEN service = 9 THEN 'erp' WHEN service = 16 THEN 'kjp' WHEN service = 17 THEN 'kur'
            WHEN service = 18 THEN 'load' ELSE 'bill' END AS code,
       operating_day, amount::BIGINT AS net
FROM paid
UNION ALL
SELECT p.run, kind, issuer, card, nt, revenue(p.operator), revenue(f.payee), f.code, operating_day,
       (amount * f.bps // 10000)::BIGINT
FROM paid p JOIN fee f USING (service)
WHERE service NOT IN (6, 7) AND amount * f.bps >= 10000;

-- Money of journeys when they close (R5, R6, R11, R13), one row a posting.
CREATE VIEW journey_money AS
WITH closed AS (
    SELECT j.*, c.issuer, subsidy(c.grp) AS group_account,
           business_day(first_at)::INTEGER AS operating_day
    FROM journey j JOIN card c USING (card) WHERE operators > 0 AND closed
)
SELECT run, 'journey' AS kind, issuer, card, journey AS nt, debit, credit, code, operating_day, net
FROM (
    SELECT *, unnest([
        {'debit': group_account, 'credit': 'hold:journey', 'code': 'group_fare',
         'net': CASE WHEN free THEN would ELSE 0 END},
        {'debit': 'hold:journey', 'credit': CASE WHEN free THEN group_account
                                                 ELSE refund_payable(issuer) END,
         'code': 'refund', 'net': greatest(charged - due, 0)},
        {'debit': 'uncollected:' || last_operator, 'credit': 'hold:journey',
         'code': 'uncollected', 'net': greatest(due - charged, 0)}], recursive := true)
    FROM closed WHERE free OR charged <> due)
WHERE net > 0
UNION ALL
SELECT l.run, 'journey', issuer, l.card, l.journey, debit, credit, code, operating_day, net
FROM (
    SELECT l.*, c.issuer, business_day(j.first_at)::INTEGER AS operating_day,
           revenue(l.operator) AS credit, unnest([
        {'debit': 'hold:journey', 'code': 'fare_share', 'net': l.share},
        {'debit': 'subsidy:integrated', 'code': 'integration', 'net': l.own - l.share}],
        recursive := true)
    FROM leg l JOIN journey j USING (run, card, journey) JOIN card c ON c.card = l.card
    WHERE closed
) l WHERE net > 0;

-- Unsettled entries that were paid (R9), and what of them is owed back (R18).
CREATE VIEW entry_money AS
SELECT run, 'entry' AS kind, issuer, card, unsettled_nt AS nt,
       CASE WHEN unsettled_free THEN subsidy(c.grp) ELSE 'hold:journey' END AS debit,
       revenue(operator) AS credit, 'unsettled' AS code,
       business_day(unsettled_at)::INTEGER AS operating_day, unsettled::BIGINT AS net
FROM link JOIN card c USING (card) WHERE unsettled > 0
UNION ALL
SELECT run, 'entry', issuer, card, unsettled_nt, 'uncollected:' || operator, 'hold:journey',
       'uncollected', business_day(unsettled_at)::INTEGER, (unsettled - entry_paid)::BIGINT
FROM link JOIN card c USING (card) WHERE unsettled > entry_paid AND NOT unsettled_free
UNION ALL
SELECT run, 'entry', issuer, card, leg, 'hold:journey', refund_payable(issuer), 'refund',
       business_day(at_s)::INTEGER, (paid - kept)::BIGINT
FROM found JOIN card c USING (card) WHERE paid > kept;

-- Parking stays that ended (R14), with what the operator passes on.
CREATE VIEW stay_money AS
WITH ended AS (
    SELECT l.*, c.issuer, business_day(at_s)::INTEGER AS operating_day
    FROM link l JOIN card c USING (card) WHERE service IN (6, 7) AND direction = 2
)
SELECT run, 'stay' AS kind, issuer, card, stay AS nt, debit, credit, code, operating_day, net
FROM (
    SELECT *, unnest([
        {'debit': 'hold:journey', 'credit': revenue(operator), 'code': 'parking',
         'net': stay_due},
        {'debit': 'hold:journey', 'credit': refund_payable(issuer), 'code': 'refund',
         'net': greatest(paid - stay_due, 0)},
        {'debit': 'uncollected:' || operator, 'credit': 'hold:journey', 'code': 'uncollected',
         'net': greatest(stay_due - paid, 0)}], recursive := true)
    FROM ended)
WHERE net > 0
UNION ALL
SELECT run, 'stay', issuer, card, stay, revenue(operator), revenue(f.payee), f.code, operating_day,
       (stay_due * f.bps // 10000)::BIGINT
FROM ended JOIN fee f USING (service) WHERE stay_due * f.bps >= 10000;

CREATE TABLE transfer AS
SELECT run, kind, issuer, card, nt, debit, credit, code, operating_day, sum(net)::BIGINT AS net
FROM (FROM tap_money UNION ALL FROM journey_money UNION ALL FROM entry_money
      UNION ALL FROM stay_money)
GROUP BY ALL;

RESET disabled_optimizers;  -- reports/clearing.sql set them

-- The lines behind `ledger_hash`: net effects by key, pair of accounts, code and operating day.
CREATE MACRO ledger_lines(wanted) AS TABLE
WITH signed AS (
    SELECT key_of(kind, issuer, card, nt) AS key, least(debit, credit) AS one,
           greatest(debit, credit) AS other, code, operating_day,
           sum(CASE WHEN debit < credit THEN net ELSE -net END)::BIGINT AS net
    FROM transfer WHERE run IN (0, wanted) GROUP BY ALL
),
line AS (
    SELECT concat_ws('|', key, one, other, code, operating_day, net) AS text
    FROM signed WHERE net <> 0
)
SELECT coalesce(string_agg(text, chr(10) ORDER BY text), '') AS lines FROM line;

CREATE MACRO ledger_hash_of(wanted) AS ((SELECT sha256(lines) FROM ledger_lines(wanted)));
