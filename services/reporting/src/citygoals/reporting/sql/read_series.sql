-- The numbers given to addresses since a known one.
SELECT id, kpi, grain, dimension, member FROM series WHERE id > $1 ORDER BY id
