"""What agents are scored against: closed forms and exact solutions."""
