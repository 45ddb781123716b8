-- Why attempts were refused for good: rules, and how many attempts each of them named.
WITH named AS (
    SELECT campaign, unnest(refusals) AS rule
    FROM attempts
    WHERE disposition = 'refused'
)
SELECT campaign, rule, count(*) AS attempts
FROM named
GROUP BY campaign, rule
ORDER BY campaign, attempts DESC, rule
