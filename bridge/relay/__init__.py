"""The job: one turn of one chat, in order, stoppable, recoverable."""
