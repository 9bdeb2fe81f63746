"""Who may act in an account: members, programs with a key, staff for a while."""
