"""The commands of `syslogfast`, a module each; `cli` imports the one that is run."""
