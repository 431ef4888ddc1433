-- What must hold of any export, whatever the city was: value is conserved.
-- Needs transfers, accounts, positions and taps (the export's) and card.

CREATE TABLE broken AS
WITH side AS (
    SELECT debit AS account, -amount AS net FROM transfers
    UNION ALL SELECT credit, amount FROM transfers
),
position AS (
    SELECT a.owner AS participant, sum(s.net)::BIGINT AS idr
    FROM side s JOIN accounts a USING (account) GROUP BY ALL
)
SELECT 'a transfer names an account that is not in accounts' AS what, account AS of_what, 0 AS idr
FROM (SELECT DISTINCT account FROM side) ANTI JOIN accounts USING (account)
UNION ALL
SELECT 'a transfer is not above zero', key, amount FROM transfers WHERE amount <= 0
UNION ALL
SELECT 'net positions do not sum to zero', 'positions', sum(idr)::BIGINT FROM positions
HAVING sum(idr) <> 0
UNION ALL
SELECT 'a net position is not that of its transfers', coalesce(t.participant, p.participant)::VARCHAR,
       coalesce(p.idr, 0) - coalesce(t.idr, 0)
FROM position t
FULL JOIN (SELECT participant, sum(idr)::BIGINT AS idr FROM positions GROUP BY ALL) p
    USING (participant)
WHERE coalesce(t.idr, 0) <> coalesce(p.idr, 0);

-- Purses: opening balance less debits plus loads is what the card's last record says.
CREATE TABLE broken_purse AS
SELECT t.card, any_value(c.balance) + sum(CASE WHEN t.kind = 4 THEN t.amount ELSE -t.amount::BIGINT END)
           ::BIGINT AS expected, arg_max(t.balance, t.nt) AS got
FROM (SELECT DISTINCT card, nt, kind, amount, balance FROM taps WHERE verdict < 1 OR verdict > 19) t
JOIN card c USING (card) GROUP BY t.card HAVING expected <> got AND max(t.nt) - min(c.nt) = count(*);
