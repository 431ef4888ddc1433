-- The same truth by the cards and devices of another epoch. Needs card_in_epoch and
-- terminal_in_epoch (number, renumbered). Trace ids stay those of the terminals as written.

CREATE OR REPLACE TABLE presentation_as_written AS
SELECT p.* REPLACE (c.renumbered AS card, t.renumbered AS terminal),
       p.terminal AS written_terminal
FROM presentation_as_written p
JOIN card_in_epoch c ON c.number = p.card
JOIN terminal_in_epoch t ON t.number = p.terminal;

CREATE OR REPLACE TABLE card_as_written AS
SELECT w.* REPLACE (c.renumbered AS card)
FROM card_as_written w JOIN card_in_epoch c ON c.number = w.card;

CREATE OR REPLACE TABLE terminal_as_written AS
SELECT w.* REPLACE (t.renumbered AS terminal)
FROM terminal_as_written w JOIN terminal_in_epoch t ON t.number = w.terminal;

CREATE OR REPLACE TABLE hotlist_as_written AS
SELECT w.* REPLACE (coalesce(c.renumbered, w.card) AS card)
FROM hotlist_as_written w LEFT JOIN card_in_epoch c ON c.number = w.card;
