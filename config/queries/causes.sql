-- What the network said of calls that nobody answered, and what we took it for.
SELECT cause, disposition, count(*) AS attempts, count(DISTINCT trunk) AS trunks
FROM attempts
WHERE dialing_at IS NOT NULL AND answered_at IS NULL
GROUP BY cause, disposition
ORDER BY attempts DESC, cause, disposition
