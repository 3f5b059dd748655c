"""What operators decide, see and hear: access, quotas, agents, statistics, alarms, the audit log.

Imports `tables`, `chats` and `turns`.
"""
