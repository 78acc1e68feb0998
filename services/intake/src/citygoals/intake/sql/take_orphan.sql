-- An expired lane with rows that nobody has published yet.
WITH orphan AS (
    SELECT l.lane FROM lane l JOIN relay_cursor c USING (lane)
    WHERE l.leased_until < now() AND c.next_seq < l.next_seq
    ORDER BY l.lane LIMIT 1 FOR UPDATE OF l SKIP LOCKED
),
taken AS (
    UPDATE lane SET epoch = lane.epoch + 1, holder = $1, leased_until = now() + $2::interval
    FROM orphan WHERE lane.lane = orphan.lane
    RETURNING lane.lane, lane.epoch, lane.next_seq
),
cursor AS (
    UPDATE relay_cursor SET epoch = taken.epoch FROM taken WHERE relay_cursor.lane = taken.lane
    RETURNING relay_cursor.lane, relay_cursor.next_seq
)
SELECT taken.lane, taken.epoch, taken.next_seq, cursor.next_seq AS relayed_seq FROM taken JOIN cursor USING (lane)
