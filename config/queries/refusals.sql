-- Why attempts were refused for good: rules, and how many attempts each of them named.
SELECT campaign, unnest(refusals) AS rule, count(*) AS attempts
FROM attempts
WHERE disposition = 'refused'
GROUP BY ALL
ORDER BY campaign, attempts DESC, rule
