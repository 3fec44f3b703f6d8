-- Stands where the table user_mapping would, as long as people.sync.location is not set: nobody is known, and the views show ids.
CREATE OR REPLACE VIEW user_mapping AS
SELECT userid, username, display_name, email, department, team, status
FROM (
    VALUES ('', '', '', '', '', '', '')
) AS listed (userid, username, display_name, email, department, team, status)
WHERE userid <> ''
