"""The exit codes of the program, for `streetseg --help` and docs/reference/exit-codes.md."""

DONE, FAILED, INCORRECT_REQUEST, INTERRUPTED, TERMINATED = 0, 1, 2, 130, 143

# Exit code -> its meaning in a few words.
EXIT_CODES = {
    DONE: "done",
    FAILED: "the work failed",
    INCORRECT_REQUEST: "the request or the data is wrong",
    INTERRUPTED: "Ctrl-C",
    TERMINATED: "SIGTERM",
}
# Command -> what else makes it end with FAILED. Every command can fail of the system: a full disk, too little memory.
FAILURES = {
    "study": "a run failed, as in `train`; what is finished is kept, and `--resume` goes on",
    "train": "the loss is not a finite number, or another process of the run was lost; `--resume` goes on",
    "evaluate": "another process of `--devices N` was lost",
    "predict": "some images cannot be read; the others are labeled (2 where none can be read)",
    "measure": "some images cannot be read; the others are measured (2 where none can be read)",
    "audit": "some images of `--unlabeled` cannot be read; everything else is written",
    "export": "the file does not agree with the network, or loses more than `--budget`; nothing is written",
    "push": "the Hub cannot be reached, or cuts the connection; the commit is there as a whole or not at all",
    "serve": "a worker ended before it could serve",
    "check": "nothing: data that cannot be used are 2",
    "convert": "the new folder cannot be written to its end",
    "fetch": "the network fails, or what arrives is not what it should be; the same command goes on",
    "networks": "a network cannot be fetched, or is not the published one; nothing is left behind",
    "scenes": "the folder cannot be written to its end",
    "doctor": "nothing: a missing GPU or package is part of its result",
    "recipe": "nothing: an incorrect recipe is 2",
}
