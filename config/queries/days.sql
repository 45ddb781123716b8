-- Days: attempts, calls, conversations, commitments, opt-outs and complaints.
SELECT campaign, date, count(*) AS attempts,
    count(*) FILTER (dialing_at IS NOT NULL) AS dialed,
    count(*) FILTER (spoke) AS spoke,
    count(*) FILTER (disposition IN ('agreed_plan', 'promised') AND confirmations >= 3) AS committed,
    count(*) FILTER (disposition = 'opted_out') AS opted_out,
    count(*) FILTER (disposition = 'complaint') AS complaints
FROM attempts
GROUP BY campaign, date
ORDER BY campaign, date
