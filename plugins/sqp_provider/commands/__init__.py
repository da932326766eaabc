"""The subcommands of ``sqp``, one file each."""
