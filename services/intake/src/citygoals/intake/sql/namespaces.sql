-- The latest grant of a namespace speaks for a publisher that comes by NATS, where no key is shown.
SELECT DISTINCT ON (system) system, namespace FROM access.api_key
WHERE role = 'publisher' AND revoked_at IS NULL AND namespace IS NOT NULL
ORDER BY system, (namespace = system), created_at DESC
