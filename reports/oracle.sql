-- The oracle's walk: what every presentation did to its card, by docs/spec/fares.md alone.
--
-- R1 to R19 are that document's rules. All cards move forward one presentation an iteration; the
-- working row is the card's state after presentation k and, beside it, what that presentation
-- did. A new state is positional across UNION ALL: both halves list their columns in one order.
-- Clearing.sql turns the walk into records, journeys and transfers. Nothing here reads a clock.

CREATE MACRO calendar_day(at_s) AS ((at_s + 25200) // 86400);                        -- R1, UTC+7
CREATE MACRO business_day(at_s) AS ((at_s + 14400) // 86400);                        -- 03:00 to 03:00
CREATE MACRO business_day_end(day) AS ((day + 1) * 86400 - 14400);
CREATE MACRO second_of_day(at_s) AS ((at_s + 25200) % 86400);
CREATE MACRO next_midnight(at_s) AS ((calendar_day(at_s) + 1) * 86400 - 25200);

-- Services by number (scheme/services.py); the first five are also the kinds of an open leg.
CREATE MACRO is_transjakarta(service) AS (service IN (1, 2));
CREATE MACRO is_rail(service) AS (service IN (4, 5));
CREATE MACRO is_integrated(service) AS (service IN (1, 2, 4, 5));
CREATE MACRO operator_bit(service) AS
    (CASE service WHEN 1 THEN 1 WHEN 2 THEN 1 WHEN 4 THEN 2 WHEN 5 THEN 4 ELSE 0 END);

-- R5 and R7: due of a journey whose counted legs are known.
CREATE MACRO due_of(operators, own, metres, late, base, step_idr, step_m, cap) AS (
    CASE WHEN bit_count(operators) < 2 OR base IS NULL THEN own
         WHEN late THEN least(cap, own)
         ELSE least(cap, base + step_idr * (metres // step_m), own) END);

-- R14: price of the first n started hours of a stay, the last figure repeating.
CREATE MACRO hours_price(hours, n) AS (
    (coalesce(list_sum(hours[1:n]), 0) + greatest(n - len(hours), 0) * hours[-1])::BIGINT);
CREATE MACRO started_hours(seconds) AS (greatest(1, (seconds + 3599) // 3600));
CREATE MACRO hours_on_first_day(from_s, n) AS
    (least(n, (next_midnight(from_s) - from_s + 3599) // 3600));
CREATE MACRO priced_days(n, first, hours, day_max) AS (list_sum(list_transform(
    range(0, 1 + (n - first + 23) // 24),
    lambda d: least(day_max, hours_price(hours, least(n, first + 24 * d))
              - CASE WHEN d = 0 THEN 0 ELSE hours_price(hours, first + 24 * (d - 1)) END)))::BIGINT);
CREATE MACRO stay_due(from_s, to_s, free_s, hours, day_max) AS (
    CASE WHEN free_s > 0 AND to_s - from_s <= free_s THEN 0
         ELSE priced_days(started_hours(to_s - from_s),
                          hours_on_first_day(from_s, started_hours(to_s - from_s)),
                          hours, coalesce(day_max, 2147483647)) END);

-- Which move a terminal makes of a tap. 1 entry gate, 2 exit gate, 3 aboard, 4 car park entry,
-- 5 car park exit, 6 meter, 7 debit, 8 load.
CREATE MACRO move_of(service, kind, direction) AS (
    CASE WHEN service <= 5 THEN CASE WHEN kind = 2 THEN 3 WHEN direction = 2 THEN 2 ELSE 1 END
         WHEN service IN (6, 7) THEN CASE WHEN kind = 4 THEN 6 WHEN direction = 2 THEN 5 ELSE 4 END
         WHEN service IN (16, 17, 18) THEN 8
         ELSE 7 END);

-- The presentations of `source` with every fact about them that no state can change: order within
-- the card, terminal, prices known at the tap (TJ by hour R3, ERP), minimum balance (R10), the
-- refusals that stand beforehand (R15), and where the last ten seconds' taps at this device are.
-- Columns of `source`: rid, card, ordinal, at_s, terminal, place, amount, torn, edition, hotlist,
-- given (0 the device decides, 1 known debit, 2 found exit R18), given_nt, metres (NULL: by table).
CREATE MACRO events_of(source) AS TABLE
WITH ordered AS (
    SELECT rid, card, terminal, at_s, row_number() OVER of_card AS k,
           at_s - lag(at_s) OVER of_card AS since_last_s
    FROM query_table(source)
    WINDOW of_card AS (PARTITION BY card ORDER BY ordinal, rid)
),
quick AS (  -- R8: within 10 s, inclusive; bit i = the tap i + 1 before this one was at this device
    SELECT later.card, later.k, bit_or(1 << (later.k - earlier.k - 1))::BIGINT AS same_device
    FROM ordered later
    JOIN ordered earlier ON earlier.card = later.card AND earlier.terminal = later.terminal
         AND earlier.k BETWEEN later.k - 30 AND later.k - 1 AND later.at_s - earlier.at_s <= 10
    WHERE later.since_last_s <= 10
    GROUP BY ALL
)
SELECT o.rid, o.card, n.k::INTEGER AS k, o.at_s, o.terminal, o.place, o.torn, o.given, o.given_nt,
       o.metres,
       calendar_day(o.at_s)::INTEGER AS day,
       business_day(o.at_s)::INTEGER AS business,
       o.edition * 100000 AS edition_base,  -- + day = key of the dated rows that hold
       t.service, t.vehicle, t.vehicle_class,
       operator_bit(t.service) AS bit,
       move_of(t.service, t.kind, t.direction) AS move,
       CASE WHEN t.kind = 1 THEN (t.service * 65536 + o.place) * 4 + t.direction END AS gate_bank,
       CASE WHEN t.service = 9 THEN coalesce(fare.idr, 0) ELSE o.amount END AS amount,
       coalesce(fare.idr, 0) AS entry_fare,
       coalesce(lowest.idr, 0) AS minimum,
       CASE WHEN c.blocked <> 0 THEN 2
            WHEN listed.card IS NOT NULL THEN 3
            WHEN calendar_day(o.at_s) > c.expiry THEN 4
            ELSE 0 END AS beforehand,
       coalesce(q.same_device, 0) AS same_device,
       CASE WHEN free.grp IS NOT NULL THEN c.group_expiry::INTEGER ELSE -1 END AS free_until  -- R11
FROM query_table(source) o
JOIN ordered n ON n.rid = o.rid
JOIN terminal t ON t.terminal = o.terminal
JOIN card c ON c.card = o.card
LEFT JOIN free_rider free ON free.dated = o.edition * 100000 + calendar_day(o.at_s)
     AND free.service = t.service AND free.issuer = c.issuer AND free.grp = c.grp
LEFT JOIN quick q ON q.card = o.card AND q.k = n.k
LEFT JOIN listing listed ON listed.version = o.hotlist AND listed.card = o.card
LEFT JOIN band_fare fare
    ON fare.dated = o.edition * 100000 + calendar_day(o.at_s) AND fare.service = t.service
   AND fare.vehicle_class = CASE WHEN t.service = 9 THEN t.vehicle_class ELSE 0 END
   AND second_of_day(o.at_s) >= fare.from_s AND second_of_day(o.at_s) < fare.until_s
LEFT JOIN minimum_balance lowest
    ON lowest.dated = o.edition * 100000 + calendar_day(o.at_s) AND lowest.service = t.service;

-- The walk itself. State: nt, balance; accepted (bit i = the tap i + 1 before was accepted);
-- torn_* (a debit whose answer was lost); j_* journey (nt of its first tap-in, first instant,
-- would-be debits, own fares, metres, operators, free); o_* open leg; u_* unsettled entries (R9),
-- 4 = MRT, 5 = LRT; p_* parking stay. Done: the columns from `verdict` on.
CREATE MACRO walk(events) AS TABLE
WITH RECURSIVE walked AS (
    SELECT c.card, 0 AS k, 0::BIGINT AS rid, c.nt::BIGINT AS nt, c.balance::BIGINT AS balance,
           0::BIGINT AS accepted,
           0::BIGINT AS torn_rid, 0::UINTEGER AS torn_terminal, 0 AS torn_bank,
           0::BIGINT AS torn_at,
           0::BIGINT AS j_nt, 0::BIGINT AS j_at, 0::BIGINT AS j_charged, 0::BIGINT AS j_own,
           0::BIGINT AS j_metres, 0 AS j_operators, false AS j_free,
           0 AS o_kind, 0 AS o_place, 0::BIGINT AS o_vehicle, 0::BIGINT AS o_at,
           0::BIGINT AS o_nt,
           0 AS u4_place, 0::BIGINT AS u4_at, 0::BIGINT AS u4_nt,
           0 AS u5_place, 0::BIGINT AS u5_at, 0::BIGINT AS u5_nt,
           0 AS p_place, 0 AS p_class, 0::BIGINT AS p_at, 0::BIGINT AS p_nt,
           0 AS verdict, 0::BIGINT AS recovers, 0 AS direction, 0::BIGINT AS amount,
           0::BIGINT AS would, 0::BIGINT AS unsettled, 0::BIGINT AS unsettled_nt,
           0::BIGINT AS unsettled_at, 0 AS unsettled_service, false AS unsettled_free,
           0::BIGINT AS journey, 0::BIGINT AS journey_at, false AS journey_free,
           0::BIGINT AS own, 0::BIGINT AS leg, 0 AS leg_service, 0::BIGINT AS metres,
           false AS late, 0::BIGINT AS stay, 0::BIGINT AS stay_due,
           0::BIGINT AS at_s, 0::UINTEGER AS terminal
    FROM card c WHERE c.card IN (SELECT card FROM query_table(events))
    UNION ALL
    SELECT card, k, rid, nt_after, balance_after,
           ((accepted & 536870911) << 1) | (verdict = 0 AND torn = 0)::BIGINT,
           CASE WHEN done AND torn = 1 THEN rid WHEN done OR recovers > 0 THEN 0 ELSE torn_rid END,
           CASE WHEN done AND torn = 1 THEN terminal ELSE torn_terminal END,
           CASE WHEN done AND torn = 1 THEN coalesce(gate_bank, -1) ELSE torn_bank END,
           CASE WHEN done AND torn = 1 THEN at_s ELSE torn_at END,
           -- journey: a late rail exit closes it (R7), and so does one after 03:00
           CASE WHEN NOT priced THEN j_nt WHEN late OR alone THEN 0 ELSE journey END,
           CASE WHEN priced AND begins THEN at_s ELSE j_at END,
           CASE WHEN priced THEN charged_before + would ELSE j_charged END,
           CASE WHEN priced THEN own_all ELSE j_own END,
           CASE WHEN priced THEN metres_all ELSE j_metres END,
           CASE WHEN priced THEN operators_all ELSE j_operators END,
           CASE WHEN priced THEN free ELSE j_free END,
           -- open leg
           CASE WHEN moved AND is_in THEN service WHEN moved AND is_out THEN 0 ELSE o_kind END,
           CASE WHEN moved AND is_in THEN place ELSE o_place END,
           CASE WHEN moved AND is_in THEN vehicle ELSE o_vehicle END,
           CASE WHEN moved AND is_in THEN at_s ELSE o_at END,
           CASE WHEN moved AND is_in THEN nt_after ELSE o_nt END,
           -- unsettled entries: one leaves by being paid, one arises from a rail leg left open
           CASE WHEN NOT (moved AND is_in) THEN u4_place WHEN keeps AND o_kind = 4 THEN o_place
                WHEN service = 4 THEN 0 ELSE u4_place END,
           CASE WHEN moved AND keeps AND o_kind = 4 THEN o_at ELSE u4_at END,
           CASE WHEN NOT (moved AND is_in) THEN u4_nt WHEN keeps AND o_kind = 4 THEN o_nt
                WHEN service = 4 THEN 0 ELSE u4_nt END,
           CASE WHEN NOT (moved AND is_in) THEN u5_place WHEN keeps AND o_kind = 5 THEN o_place
                WHEN service = 5 THEN 0 ELSE u5_place END,
           CASE WHEN moved AND keeps AND o_kind = 5 THEN o_at ELSE u5_at END,
           CASE WHEN NOT (moved AND is_in) THEN u5_nt WHEN keeps AND o_kind = 5 THEN o_nt
                WHEN service = 5 THEN 0 ELSE u5_nt END,
           -- parking stay, apart from transit (R14)
           CASE WHEN done AND stay_in THEN place WHEN done AND stay_out THEN 0 ELSE p_place END,
           CASE WHEN done AND stay_in THEN vehicle_class ELSE p_class END,
           CASE WHEN done AND stay_in THEN at_s ELSE p_at END,
           CASE WHEN done AND stay_in THEN nt_after ELSE p_nt END,
           -- what this presentation did
           verdict, recovers,
           CASE WHEN is_in OR stay_in THEN 1 WHEN is_out OR stay_out THEN 2 ELSE 0 END,
           CASE WHEN done AND move < 8 THEN debit WHEN done THEN amount ELSE 0 END,
           CASE WHEN priced THEN would ELSE 0 END,
           CASE WHEN moved THEN unsettled ELSE 0 END,
           CASE WHEN moved AND (pays_open OR pays_old) THEN unsettled_nt ELSE 0 END,
           unsettled_at, service, free_until >= day,
           CASE WHEN moved AND in_journey THEN journey ELSE 0 END,
           CASE WHEN begins THEN at_s WHEN alone THEN o_at ELSE j_at END,
           free,
           CASE WHEN priced THEN own_now ELSE 0 END,
           CASE WHEN moved AND is_in THEN nt_after WHEN is_out THEN o_nt ELSE 0 END,
           CASE WHEN is_out THEN o_kind ELSE service END,
           CASE WHEN priced THEN metres_now ELSE 0 END,
           late,
           CASE WHEN done AND stay_in THEN nt_after WHEN done AND stay_out THEN p_nt ELSE 0 END,
           CASE WHEN done AND stay_out THEN stay_due ELSE 0 END,
           at_s, terminal
    FROM (
        SELECT *,
               verdict = 0 AND recovers = 0 AND given < 2 AS done,      -- the card wrote
               verdict = 0 AND recovers = 0 AND (given < 2 OR is_out) AS moved,  -- the leg moved
               verdict = 0 AND recovers = 0 AND (given < 2 OR is_out)
                   AND in_journey AND NOT idle AS priced,
               CASE WHEN verdict <> 0 OR recovers > 0 OR given = 2 THEN nt
                    WHEN given = 1 THEN given_nt ELSE nt + 1 END AS nt_after,
               CASE WHEN verdict <> 0 OR recovers > 0 OR given > 0 THEN balance
                    WHEN move = 8 THEN balance + amount ELSE balance - debit END AS balance_after,
               CASE WHEN begins THEN CASE WHEN given = 1 THEN given_nt ELSE nt + 1 END
                    WHEN alone THEN o_nt ELSE j_nt END AS journey
        FROM (
            SELECT *,
                   CASE WHEN recovers > 0 OR given > 0 THEN 0
                        WHEN beforehand > 0 THEN beforehand
                        WHEN (accepted & same_device) <> 0 THEN 5
                        WHEN exit_lost THEN 6
                        WHEN is_in AND balance < debit + CASE WHEN free THEN 0 ELSE minimum END
                            THEN 7
                        WHEN NOT is_in AND move < 8 AND balance < debit THEN 8
                        WHEN torn = 2 THEN 9
                        ELSE 0 END AS verdict
            FROM (
                SELECT *,
                       CASE WHEN idle THEN 0
                            ELSE greatest(0, due_of(operators_all, own_all, metres_all, late,
                                                    base, step_idr, step_m, cap)
                                             - charged_before) END AS would,
                       -- R6, R11, R14: what the card itself pays
                       CASE WHEN move = 7 THEN amount
                            WHEN stay_out THEN stay_due
                            WHEN move > 3 THEN 0
                            ELSE CASE WHEN free OR idle OR NOT in_journey THEN 0
                                      ELSE greatest(0,
                                           due_of(operators_all, own_all, metres_all, late,
                                                  base, step_idr, step_m, cap)
                                           - charged_before) END
                                 + CASE WHEN free_until >= day THEN 0 ELSE unsettled END END AS debit
                FROM (
                    SELECT *,
                           CASE WHEN begins OR alone THEN 0 ELSE j_charged END AS charged_before,
                           CASE WHEN begins OR alone THEN 0 ELSE j_own END + own_now AS own_all,
                           CASE WHEN begins OR alone THEN 0 ELSE j_metres END + metres_now
                               AS metres_all,
                           CASE WHEN begins OR alone THEN 0 ELSE j_operators END
                               | CASE WHEN (is_in AND is_transjakarta(service))
                                        OR (is_out AND is_rail(service)) THEN bit ELSE 0 END
                               AS operators_all,
                           CASE WHEN alone THEN free_until >= calendar_day(o_at)
                                WHEN in_journey AND NOT begins THEN j_free
                                ELSE free_until >= day END AS free
                    FROM (
                        SELECT m.*,
                               -- R3: own fare counted at this tap
                               CASE WHEN is_in AND is_transjakarta(m.service) THEN entry_fare
                                    WHEN is_out AND is_rail(m.service)
                                        THEN coalesce(pair.idr, flat.idr)
                                    ELSE 0 END AS own_now,
                               -- R2; R7: after the window nothing of a TJ leg changes
                               CASE WHEN is_out AND in_journey AND NOT idle
                                    THEN CASE WHEN m.metres IS NOT NULL THEN m.metres
                                              WHEN o_place = place THEN 0
                                              ELSE coalesce(way.metres, 0) END
                                    ELSE 0 END AS metres_now,
                               CASE WHEN pays_open OR pays_old
                                    THEN coalesce(highest.idr, highest_flat.idr) ELSE 0 END
                                   AS unsettled,
                               CASE WHEN stay_out
                                    THEN stay_due(p_at, m.at_s, hourly.free_s, hourly.hours,
                                                  hourly.day_max) ELSE 0 END AS stay_due
                        FROM (
                            -- R4, R7, R8, R9: what kind of tap this is
                            SELECT n.*,
                                   is_in AND is_integrated(service) AND NOT within AS begins,
                                   is_out AND is_rail(service) AND business <> j_business AS alone,
                                   is_out AND is_rail(service) AND business = j_business
                                       AND at_s - j_at > window_s AS late,
                                   is_out AND is_transjakarta(service)
                                       AND (business <> j_business OR at_s - j_at > window_s)
                                       AS idle,
                                   (is_in OR is_out) AND is_integrated(service) AS in_journey,
                                   left_open AND NOT swaps AND service <> o_kind AS keeps,
                                   left_open AND NOT swaps AND service = o_kind AS pays_open,
                                   is_in AND (service = 4 AND u4_place > 0
                                              OR service = 5 AND u5_place > 0) AS pays_old,
                                   CASE WHEN left_open AND service = o_kind THEN o_place
                                        WHEN service = 4 THEN u4_place
                                        ELSE u5_place END AS unsettled_place,
                                   CASE WHEN left_open AND service = o_kind THEN o_at
                                        WHEN service = 4 THEN u4_at ELSE u5_at END AS unsettled_at,
                                   CASE WHEN left_open AND service = o_kind THEN o_nt
                                        WHEN service = 4 THEN u4_nt ELSE u5_nt END AS unsettled_nt
                            FROM (
                                SELECT b.*, r.window_s, r.base, r.step_idr, r.step_m, r.cap,
                                       b.j_nt > 0 AND b.business = b.j_business
                                           AND b.at_s - b.j_at <= r.window_s AS within,
                                       is_in AND is_rail(o_kind) AS left_open,
                                       is_in AND move = 1 AND is_rail(o_kind)
                                           AND service = o_kind AND place = o_place
                                           AND at_s - o_at <= b.reentry_s AS swaps
                                FROM (
                                    SELECT a.*,
                                           move = 1 OR move = 3 AND NOT leg_ends AS is_in,
                                           leg_ends AS is_out,
                                           move = 2 AND NOT leg_ends
                                               OR move = 5 AND NOT stay_ends AS exit_lost,
                                           stay_ends AS stay_out,
                                           move = 4 OR move = 6 AND NOT stay_ends AS stay_in
                                    FROM (
                                        SELECT e.*, w.* EXCLUDE (card, k, rid, verdict, recovers,
                                                   direction, amount, would, unsettled, unsettled_nt,
                                                   unsettled_at, unsettled_service, unsettled_free,
                                                   journey, journey_at, journey_free, own, leg,
                                                   leg_service, metres, late, stay, stay_due,
                                                   at_s, terminal),
                                               business_day(w.j_at) AS j_business, at_entry.reentry_s,
                                               CASE WHEN w.torn_rid > 0 AND e.given = 0
                                                     AND e.at_s - w.torn_at <= 120
                                                     AND (e.terminal = w.torn_terminal
                                                          OR e.gate_bank = w.torn_bank)
                                                    THEN w.torn_rid ELSE 0 END AS recovers,
                                               w.o_kind = e.service AND (e.move = 2
                                                   OR e.move = 3 AND w.o_vehicle = e.vehicle
                                                   AND e.at_s - w.o_at <= at_entry.bus_leg_s) AS leg_ends,
                                               e.move IN (5, 6) AND w.p_place = e.place AS stay_ends
                                        FROM walked w
                                        JOIN query_table(events) e
                                            ON e.card = w.card AND e.k = w.k + 1
                                        LEFT JOIN journey_rule at_entry
                                            ON at_entry.dated = e.edition_base + calendar_day(w.o_at)
                                    ) a
                                ) b
                                LEFT JOIN journey_rule r
                                    ON r.dated = b.edition_base + calendar_day(b.j_at)
                            ) n
                        ) m
                        LEFT JOIN pair_fare pair
                            ON pair.dated = m.edition_base + calendar_day(m.o_at)
                           AND pair.from_place = m.o_place AND pair.to_place = m.place
                        LEFT JOIN exit_fare flat
                            ON flat.dated = m.edition_base + calendar_day(m.o_at)
                           AND flat.service = m.o_kind
                           AND second_of_day(m.o_at) >= flat.from_s
                           AND second_of_day(m.o_at) < flat.until_s
                        LEFT JOIN leg_distance way
                            ON way.edition = m.edition_base // 100000 AND way.operator = m.bit AND way.from_place = m.o_place
                           AND way.to_place = m.place
                        LEFT JOIN highest_fare highest
                            ON highest.dated = m.edition_base + calendar_day(m.unsettled_at)
                           AND highest.from_place = m.unsettled_place
                        LEFT JOIN highest_flat
                            ON highest_flat.dated = m.edition_base + calendar_day(m.unsettled_at)
                           AND highest_flat.service = m.service
                        LEFT JOIN hourly_rate hourly
                            ON hourly.dated = m.edition_base + calendar_day(m.p_at)
                           AND hourly.service = m.service AND hourly.vehicle_class = m.p_class
                    )
                )
            )
        )
    )
)
SELECT * FROM walked WHERE k > 0;
