-- Outcomes by campaign, with their share of the attempts that are over.
SELECT campaign, disposition, count(*) AS attempts,
    round(100.0 * count(*) / sum(count(*)) OVER (PARTITION BY campaign), 1) AS percent
FROM attempts
GROUP BY campaign, disposition
ORDER BY campaign, attempts DESC, disposition
