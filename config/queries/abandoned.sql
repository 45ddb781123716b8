-- Abandoned calls, of those that a person answered, by each definition we hold to: US,
-- every 30 days of a campaign in turn; GB, each 24 hours (UTC); ours, the whole campaign.
-- For each the latest period and the worst, in percent; the ceiling is 3 %.
WITH live AS (
    SELECT campaign, dialing_at AS called, disposition = 'abandoned' AS lost,
        min(dialing_at) OVER (PARTITION BY campaign) AS began
    FROM attempts
    WHERE dialing_at IS NOT NULL AND (spoke OR disposition = 'abandoned')
), counted AS (
    SELECT campaign, 'us.abandonment' AS rule,
        began + to_days(CAST(30 * floor(date_diff('second', began, called) / 2592000) AS INTEGER)) AS since,
        lost FROM live
    UNION ALL
    SELECT campaign, 'gb.misuse', date_trunc('day', called), lost FROM live
    UNION ALL
    SELECT campaign, 'accord.abandonment', began, lost FROM live
), periods AS (
    SELECT campaign, rule, since, count(*) AS answered, count(*) FILTER (lost) AS abandoned,
        round(100.0 * count(*) FILTER (lost) / count(*), 2) AS percent
    FROM counted
    GROUP BY campaign, rule, since
)
SELECT campaign, rule, count(*) AS periods, max(since) AS latest,
    arg_max(answered, since) AS answered, arg_max(abandoned, since) AS abandoned,
    arg_max(percent, since) AS percent, max(percent) AS worst_percent,
    arg_max(since, percent) AS worst, count(*) FILTER (percent > 3) AS above_3_percent
FROM periods
GROUP BY campaign, rule
ORDER BY campaign, rule DESC
