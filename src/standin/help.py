"""What stands below a command's help: examples, and what the exit status means."""

STATUS = """\
Exit status:
    0  done
    1  a mistake or failure that a message explains: a wrong key, a failed
       check of the data, a stage that stopped, a finding of doctor
    2  wrong usage: an unknown command or option
    3  a check of the data cannot be evaluated (a pattern of the task takes
       too long, the suite is broken), which says nothing of the data
  130  interrupted (Ctrl-C); run again to go on
128+N  ended by signal N"""


def examples(*lines: str) -> str:
    """Examples as the ``epilog`` of a command: ``app.command(epilog=examples("standin ui --port 5001"))(ui)``.

    A line has at most 76 characters, so that it stands unbroken in a terminal of 80.
    """
    return "\n".join(["Examples:", *(f"  {line}" for line in lines)]).replace("[", "\\[")


def plain(epilog: str) -> str:
    """An epilog as it is shown: without the marks that keep brackets from being read as colours."""
    return epilog.replace("\\[", "[")
