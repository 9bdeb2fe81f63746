"""The first program of every child: take another user, die with the supervisor, become the child.

Started by path with ``python -I -S``, so that nothing but the standard library is loaded, and so
that no Python runs between fork and exec in the supervisor, which has threads. The process id
stays the same. Arguments: the supervisor's pid, the signal that its death sends, user id, group
id (-1: keep ours), then the program and its arguments.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    supervisor, death_signal, user_id, group_id = map(int, sys.argv[1:5])
    program = sys.argv[5:]
    if user_id >= 0:
        os.setgroups([])  # else the child keeps root's groups
        os.setgid(group_id)
        os.setuid(user_id)
    if sys.platform == "linux":  # after the change of user, which clears it
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, death_signal)
    if os.getppid() != supervisor:
        sys.exit("the supervisor is gone")
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.execv(program[0], program)  # noqa: S606 - no shell, an absolute path


if __name__ == "__main__":
    main()
