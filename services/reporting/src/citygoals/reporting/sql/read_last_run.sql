-- Where the merged runs end, and where the positions do.
SELECT (SELECT max(last) FROM run) AS merged, (SELECT min(position) FROM history) AS oldest,
       (SELECT position FROM head) AS newest
