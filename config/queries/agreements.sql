-- Agreements made in calls, by kind and by where they stand now.
SELECT g.kind, g.state, count(*) AS agreements, sum(g.parts) AS parts, sum(g.covered) AS paid
FROM agreements g JOIN attempts a ON a.attempt_id = g.attempt_id
GROUP BY g.kind, g.state
ORDER BY g.kind, g.state
