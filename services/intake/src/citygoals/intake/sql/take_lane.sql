-- A free or expired lane, the lowest; its epoch rises, and with it the fence for whoever held it before.
WITH free AS (
    SELECT lane FROM lane WHERE leased_until < now() ORDER BY lane LIMIT 1 FOR UPDATE SKIP LOCKED
),
taken AS (
    UPDATE lane SET epoch = lane.epoch + 1, holder = $1, leased_until = now() + $2::interval
    FROM free WHERE lane.lane = free.lane
    RETURNING lane.lane, lane.epoch, lane.next_seq
),
cursor AS (
    UPDATE relay_cursor SET epoch = taken.epoch FROM taken WHERE relay_cursor.lane = taken.lane
    RETURNING relay_cursor.lane, relay_cursor.next_seq
)
SELECT taken.lane, taken.epoch, taken.next_seq, cursor.next_seq AS relayed_seq FROM taken JOIN cursor USING (lane)
