-- Losing a move in a crash only repeats publishing, which changes nothing: no reason to wait for the disk.
WITH lazy AS (SELECT set_config('synchronous_commit', 'off', true))
UPDATE relay_cursor SET next_seq = $3 FROM lazy WHERE lane = $1 AND epoch = $2 RETURNING lane
