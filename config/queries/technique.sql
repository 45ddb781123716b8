-- Conversations against the promises: first calls with 3 to 5 rights explained,
-- commitments with 3 confirmations, silence within 30 seconds, medians of rate and latency.
SELECT campaign, language, count(*) AS conversations,
    count(*) FILTER (n = 1) AS first_calls,
    count(*) FILTER (n = 1 AND rights_explained BETWEEN 3 AND 5) AS with_rights,
    count(*) FILTER (disposition IN ('agreed_plan', 'promised')) AS commitments,
    count(*) FILTER (disposition IN ('agreed_plan', 'promised') AND confirmations >= 3) AS confirmed,
    count(*) FILTER (silence_seconds > 30) AS over_silence,
    round(median(units_per_minute), 0) AS units_per_minute,
    round(median(turn_latency_p50), 2) AS latency_seconds
FROM attempts
WHERE spoke
GROUP BY campaign, language
ORDER BY campaign, language
