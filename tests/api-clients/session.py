"""A session by the client that openapi-python-client generates: session.py URL, with the client on PYTHONPATH."""

import sys
import uuid

from berth_client import AuthenticatedClient, Client
from berth_client.api.auth import login, me, register
from berth_client.api.chat import chat, create_conversation, list_messages
from berth_client.api.tasks import create_task, delete_task, list_tasks, patch_task, read_task
from berth_client.models import (
    ChatAnswer,
    ChatMessage,
    EmailLogin,
    Error,
    HTTPValidationError,
    NewConversation,
    NewTask,
    Registration,
    TaskChanges,
)

url = sys.argv[1]
email, password = f"{uuid.uuid4()}@example.com", "correct horse"
anonymous = Client(base_url=url)
registered = register.sync(client=anonymous, body=Registration(email=email, password=password))
assert registered.email == email, registered
taken = register.sync(client=anonymous, body=Registration(email=email, password=password))
assert isinstance(taken, Error), taken
logged_in = login.sync(client=anonymous, body=EmailLogin(email=email, password=password))
client = AuthenticatedClient(base_url=url, token=logged_in.access_token)
assert me.sync(client=client).email == email

task = create_task.sync(client=client, body=NewTask(title="milk", priority="high", tags=["home"]))
changed = patch_task.sync(task.id, client=client, body=TaskChanges(title="oat milk"))
assert (changed.title, changed.priority, changed.tags) == ("oat milk", "high", ["home"]), changed
assert [one.title for one in list_tasks.sync(client=client)] == ["oat milk"]

conversation = create_conversation.sync(client=client, body=NewConversation(title="shopping"))
message = ChatMessage(message="add tea", conversation_id=conversation.conversation_id)
answer = chat.sync(client=client, body=message)
assert isinstance(answer, ChatAnswer), answer
messages = list_messages.sync(conversation.id, client=client)
assert [(one.role, one.id == answer.message_id) for one in messages] == [("user", False), ("assistant", True)]
assert sorted(one.title for one in list_tasks.sync(client=client)) == ["oat milk", "tea"]

assert delete_task.sync_detailed(task.id, client=client).status_code == 204
gone = read_task.sync(task.id, client=client)
assert isinstance(gone, Error) and gone.detail == "Task not found", gone
empty = create_task.sync(client=client, body=NewTask(title=""))
assert isinstance(empty, HTTPValidationError), empty
print("Python: the generated client registered, logged in, changed and listed tasks, chatted and read the messages.")
