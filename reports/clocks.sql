-- One row an upload of the plan, with its clocks where it was sent. Needs planned_upload and clock.
-- A driver that does not know chains has no ready_us: then an upload is ready when intended.

CREATE OR REPLACE MACRO upload_clocks() AS TABLE
WITH told AS (
    FROM clock UNION ALL BY NAME
    SELECT NULL::BIGINT AS ready_us, NULL::UTINYINT AS attempts WHERE false
)
SELECT p.upload, p.at_ms, p."count", p.copy, p.single, p.rack,
       coalesce(c.intended_us, -1) AS intended_us,
       coalesce(c.ready_us, c.intended_us, -1) AS ready_us, coalesce(c.sent_us, -1) AS sent_us,
       coalesce(c.answered_us, -1) AS answered_us, coalesce(c.status, 0) AS status,
       coalesce(c.repeated, 0) AS repeated, coalesce(c.attempts, 1) AS attempts
FROM planned_upload p LEFT JOIN told c USING (upload) ORDER BY upload;
