-- Parts of changesets from a position and part on, up to a number of bytes, and at least one. The first ordinals of a
-- position are its parts. The sizes are known without reading the bodies.
SELECT body FROM (
    SELECT body, position, ordinal, sum(octet_length(body)) OVER (ORDER BY position, ordinal) - octet_length(body) AS before
    FROM outbox
    WHERE (position, ordinal) >= ($1, $2) AND position < $1 + $3 AND subject = 'city.kpi.v1.changeset'
) AS parts
WHERE before < $4
ORDER BY position, ordinal
