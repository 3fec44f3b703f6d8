-- The hundred people with most lines of AI code since the reports began; equals by id, so that the list does not change from query to query.
CREATE OR REPLACE VIEW top_users AS
SELECT
    userid,
    max(username) AS username,
    sum(total_ai_codelines) AS total_ai_codelines,
    sum(chat_messagessent) AS total_messages,
    sum(inline_acceptancecount) AS total_inline_accepted,
    sum(inline_suggestionscount) AS total_inline_suggestions,
    sum(testgeneration_eventcount) AS total_test_events,
    count(DISTINCT date) AS active_days
FROM user_activity_enhanced
GROUP BY userid
ORDER BY total_ai_codelines DESC, userid
LIMIT 100
