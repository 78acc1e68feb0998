SELECT l.lane, l.next_seq, c.next_seq AS relayed_seq, l.leased_until > now() AS held
FROM lane l JOIN relay_cursor c USING (lane) ORDER BY l.lane
