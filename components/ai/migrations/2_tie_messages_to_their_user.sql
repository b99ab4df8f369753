-- A message belongs to the user of its conversation: PostgreSQL checks the user together with the conversation.
ALTER TABLE conversations ADD UNIQUE (user_id, id);

ALTER TABLE messages
    DROP CONSTRAINT messages_conversation_id_fkey,
    ADD FOREIGN KEY (user_id, conversation_id) REFERENCES conversations (user_id, id) ON DELETE CASCADE;
