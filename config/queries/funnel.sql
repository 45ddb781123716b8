-- How far attempts came, by campaign; each step is part of the one before.
SELECT campaign,
    count(*) AS attempts,
    count(*) FILTER (dialing_at IS NOT NULL) AS dialed,
    count(*) FILTER (answered_at IS NOT NULL) AS answered,
    count(*) FILTER (spoke) AS spoke,
    count(*) FILTER (spoke AND stage > 1) AS identified,
    count(*) FILTER (spoke AND stage > 1 AND confirmations >= 3
        AND disposition IN ('agreed_plan', 'promised')) AS committed
FROM attempts
GROUP BY campaign
ORDER BY campaign
