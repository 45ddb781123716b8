-- What people said, by the intent it was taken for, and how sure that was.
SELECT intent, count(*) AS said, round(avg(confidence), 2) AS confidence,
    count(DISTINCT attempt_id) AS calls
FROM turns
WHERE who = 'them' AND intent <> ''
GROUP BY intent
ORDER BY said DESC, intent
