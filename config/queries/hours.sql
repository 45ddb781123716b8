-- Calls by the callee's own hour: how many were placed, and how many reached a person.
SELECT hour(dialing_local) AS hour, count(*) AS dialed,
    count(*) FILTER (spoke) AS spoke,
    round(100.0 * count(*) FILTER (spoke) / count(*), 1) AS percent
FROM attempts
WHERE dialing_local IS NOT NULL
GROUP BY hour
ORDER BY hour
