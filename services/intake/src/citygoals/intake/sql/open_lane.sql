-- A new lane when every other is held. Two processes may pick the same number: the primary key lets one of them win.
WITH opened AS (
    INSERT INTO lane (lane, epoch, holder, leased_until)
    SELECT coalesce(max(lane), 0) + 1, 1, $1, now() + $2::interval FROM lane
    RETURNING lane, epoch, next_seq
),
cursor AS (
    INSERT INTO relay_cursor (lane, epoch) SELECT lane, epoch FROM opened
)
SELECT lane, epoch, next_seq, 1::bigint AS relayed_seq FROM opened
