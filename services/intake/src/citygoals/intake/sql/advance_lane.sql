-- The end of a group: the lane's next number, the lease renewed, and the counts on the status page.
WITH counted AS (
    INSERT INTO tally AS t (lane, system, accepted, duplicates, rejected)
    SELECT $1::integer, * FROM unnest($5::text[], $6::bigint[], $7::bigint[], $8::bigint[])
    ON CONFLICT (lane, system) DO UPDATE SET
        accepted = t.accepted + excluded.accepted,
        duplicates = t.duplicates + excluded.duplicates,
        rejected = t.rejected + excluded.rejected
)
UPDATE lane SET next_seq = $3, leased_until = now() + $4::interval WHERE lane = $1 AND epoch = $2 RETURNING lane
