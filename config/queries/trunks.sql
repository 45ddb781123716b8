-- Trunks: calls, how many were answered (ASR), their mean length in seconds (ACD), and
-- the commonest cause of those that were not.
SELECT trunk, count(*) AS dialed,
    count(*) FILTER (answered_at IS NOT NULL) AS answered,
    round(100.0 * count(*) FILTER (answered_at IS NOT NULL) / count(*), 1) AS asr_percent,
    round(avg(seconds), 1) AS acd_seconds,
    mode(cause) FILTER (answered_at IS NULL) AS commonest_cause
FROM attempts
WHERE dialing_at IS NOT NULL
GROUP BY trunk
ORDER BY dialed DESC, trunk
