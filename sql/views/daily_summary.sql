-- Feature counters of all people, one row a day (command line and plug-ins only: by_user_analytic does not cover the IDE). active_users are people, each
-- counted once.
CREATE OR REPLACE VIEW daily_summary AS
SELECT
    date,
    count(DISTINCT userid) AS active_users,
    sum(chat_messagessent) AS total_messages,
    sum(chat_aicodelines) AS total_chat_codelines,
    sum(inline_aicodelines) AS total_inline_codelines,
    sum(total_ai_codelines) AS total_ai_codelines,
    sum(inline_acceptancecount) AS total_inline_accepted,
    sum(inline_suggestionscount) AS total_inline_suggestions,
    sum(testgeneration_eventcount) AS total_test_events,
    sum(codereview_findingscount) AS total_review_findings
FROM user_activity_enhanced
GROUP BY date
