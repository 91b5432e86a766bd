"""Where a task's data set comes from: the hub, or a copy in a folder that a person names (``source``)."""

from pydantic import Field, model_validator

from standin.checked import Group, Within


class Origin(Group):
    """How the records of a data set become those of the task's files; ``Hub`` says what the keys mean."""

    rename: dict[str, str] = Field(default_factory=dict)
    where: dict[str, str] = Field(default_factory=dict)
    filled: list[str] = Field(default_factory=list)
    lacks: list[str] = Field(default_factory=list)
    test_share: float | None = Field(default=None, gt=0, lt=1)

    @model_validator(mode="after")
    def _one_way_to_a_test_file(self) -> "Origin":
        if self.test_share and getattr(self, "test", None):
            raise ValueError("test and test_share: write one, the other says where the test texts come from already")
        return self


class Hub(Origin):
    """A data set on the hub, or a folder in its layout, that ``standin data fetch`` writes to the source's files.

    ``train``, ``test``, ``validation``: names of splits there, ``train+validation`` for several together; null where
    none is published. ``data_dir``: the folder of the repository that holds the files, where it has no configurations.
    ``warmstart``: question -> the configuration whose training rows answer it; the source's ``other_questions`` say
    how it is worded.

    Of columns, by the data set's own names: ``rename`` gives the file's name where it differs, ``where`` the value that
    a column has in the rows that are kept, ``filled`` those without which a row is left out, ``lacks`` those that the
    task names and the data set does not have (they are written as blanks). A list of words becomes a text.
    ``test_share``: where no test split is published, the share of the training texts that go to the test file, by a
    hash of the text, so that they are the same for every seed and equal texts stand on one side; rows of other
    questions stay with the training rows.
    """

    dataset: str
    config: str | None = None
    data_dir: str | None = None
    revision: str = "main"
    train: str
    test: str | None = None
    validation: str | None = None
    warmstart: dict[str, str] = Field(default_factory=dict)


class Recording(Group):
    """Texts that an LLM wrote for the task elsewhere, which ``standin data fetch`` adds as ``data add-generated`` does.

    ``rename``: column of the file -> text, label, question_id, model, prompt or seeds, where it is called otherwise.
    ``model``, ``prompt``: what wrote them and how it was asked, where no column says so.
    """

    file: Within
    rename: dict[str, str] = Field(default_factory=dict)
    model: str | None = None
    prompt: str | None = None


class Local(Origin):
    """The files of a copy below a folder that a person names, ``standin data fetch --from FOLDER``.

    ``warmstart``: question -> the files whose rows answer it. ``recordings``: name -> texts that an LLM wrote for the
    task; they go to data/recorded/<task>/<name>.jsonl. The further keys mean what they mean in ``hub``.
    """

    train: list[Within]
    test: list[Within] = Field(default_factory=list)
    validation: list[Within] = Field(default_factory=list)
    warmstart: dict[str, list[Within]] = Field(default_factory=dict)
    recordings: dict[str, Recording] = Field(default_factory=dict)
