"""What every store of conversations needs, whatever its framework.

- `objects`: rebuilding nested data, messages and models with every leaf changed.
- `user`: one user's part of a store: hidden names, scrubbing on write, values on read.
- `retention`: how long a conversation is kept, and who deletes it.
- `target`: a store of conversations as an erasure target.
"""

from piirag.conversations.objects import Rebuilder
from piirag.conversations.register import SessionRegister, SQLiteSessionRegister
from piirag.conversations.retention import Retention, RetentionSweeper
from piirag.conversations.target import ConversationTarget
from piirag.conversations.user import ConversationUser

__all__ = [
    "ConversationTarget",
    "ConversationUser",
    "Rebuilder",
    "Retention",
    "RetentionSweeper",
    "SQLiteSessionRegister",
    "SessionRegister",
]
