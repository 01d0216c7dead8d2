-- The session of the chatbot is found by an index: every message looks for it.
-- severity: fail
-- scenarios: 10
-- rows: catalog
-- reads: padealing.chatbot_session
-- index: padealing.chatbot_session (session_key)
-- remedy: `pad-migrate drift` names the index that is missing
explain
select * from padealing.chatbot_session where session_key = '';
