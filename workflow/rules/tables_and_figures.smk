"""Which tables and figures there are, and which models each has.  No rules.

An entry is a model of the tables (common.smk).
"""

TABLES = [f"table{name}" for name in ("1", "2", "3", "3-graded", "4", "5", "7", "8")]


def says_yes_or_no(entry):
    """Whether a model of the tables was asked for yes or no, which is a class and no probability."""
    judge = CONFIG.judges.get(entry.split("/")[1])
    return (
        judge is not None
        and judge.read is None
        and answer_form(judge.prompt) == "binary"
    )


def table_metrics(table):
    """The metrics files that a table is laid out from; the table itself leaves out other roles than its own."""
    models = ENTRIES if table == "table4" else MODELS
    roles = {entry: settings["role"] for entry, settings in models.items()}
    if table in ("table3", "table3-graded", "table8"):
        roles = {
            entry: role for entry, role in roles.items() if not says_yes_or_no(entry)
        }
    teachers = tuple(
        f"labels/{source.teacher}/"
        for student in CONFIG.students.values()
        for source in student.sources.values()
        if source.teacher
    )
    if table == "table1" and teachers:
        # The teachers that students learn from; Table 5 has all.
        roles = {
            entry: role
            for entry, role in roles.items()
            if role != "teacher" or entry.startswith(teachers)
        }
    files = expand("results/metrics/{entry}.parquet", entry=roles)
    if table == "table7":
        asked = [
            entry
            for entry, role in roles.items()
            if role in ("baseline", "control", "student")
        ]
        files += expand("results/scaled_metrics/{entry}.parquet", entry=asked)
    return files


def negative_ratios():
    """Each student's negatives for one positive, as a stage's arguments."""
    ratios = {
        student.title: student.training.negative_ratio
        for student in CONFIG.students.values()
    }
    return " ".join(
        f"--negative-ratio '{title}' {f'{ratio:g}' if ratio else 'all'}"
        for title, ratio in ratios.items()
    )


def losses():
    """What each student's loss is, as a stage's arguments."""
    names = {
        student.title: loss_name(student) for student in CONFIG.students.values()
    }
    return " ".join(f"--loss '{title}' '{name}'" for title, name in names.items())


def students_by_batching():
    """The training logs of students that differ in their batching and in nothing else but their titles."""
    alike = {}
    for name, student in CONFIG.students.items():
        rest = student.model_dump(
            mode="json", exclude={"title": True, "training": {"batching"}}
        )
        alike.setdefault(str(rest), {})[name] = student
    for students in alike.values():
        if len({student.training.batching for student in students.values()}) > 1:
            return {
                student.title: [f"results/students/{name}/training_log.parquet"]
                for name, student in students.items()
            }
    return {}


FIGURES = ["figure3", "figure4"]
if STUDENTS:
    FIGURES += ["figure6"]
if students_by_batching():
    FIGURES += ["figure5"]


# The oracle is no competitor: that a model differs from the truth needs no test.
COMPARED = {name: entry for name, entry in MODELS.items() if entry["role"] != "oracle"}


def last_labels():
    """Each teacher's last aggregation: what is closest to all that it said."""
    last = {}
    for name, entry in ENTRIES.items():
        if entry["role"] == "teacher":
            last[name.rsplit("/", 1)[0]] = entry
    return list(last.values())


# Figure 3: who is compared with the annotators.  Figures 4 and 6: whose probabilities are spread out.
RATERS = {
    entry["title"]: entry["files"]
    for entry in last_labels()
    + [
        ENTRIES[name]
        for name in MODELS
        if name.startswith("students/")
        or name in ("controls/hypothesis-only", "controls/oracle")
    ]
}
DISTRIBUTIONS = {
    "figure4": {
        entry["title"]: entry["files"]
        for entry in ENTRIES.values()
        if entry["role"] == "teacher"
    },
    "figure6": {
        student.title: ENTRIES[f"students/{name}"]["files"]
        for name, student in CONFIG.students.items()
        if name in STUDENTS or student.training.negative_ratio
    },
}


def first_student():
    """The student that all others are tested against."""
    return next((student.title for student in STUDENTS.values()), "none")


def labels_in_common(wildcards, teacher):
    """The labels of one of two teachers, by the aggregations that both have votes enough for."""
    names = [
        name
        for name in label_names(wildcards.old)
        if name in label_names(wildcards.new)
    ]
    if not names:
        raise WorkflowError(
            f"results/impact/{wildcards.old}-{wildcards.new}: no entry of `labels` that both have votes enough for"
        )
    return {name: [f"results/labels/{teacher}/{name}.parquet"] for name in names}


def impact_pairs(wildcards):
    """The entries of an old and a new teacher's labels, and of students that differ in these teachers alone."""
    old, new = wildcards.old, wildcards.new
    pairs = [
        (f"labels/{old}/{label}", f"labels/{new}/{label}")
        for label in labels_in_common(wildcards, old)
    ]

    def but_for_the_teacher(name):
        student = CONFIG.students[name].model_dump(mode="json", exclude={"title"})
        for source in student["sources"].values():
            source["teacher"] = (
                "either" if source["teacher"] in (old, new) else source["teacher"]
            )
        return student

    def learns_from(name, teacher):
        sources = CONFIG.students[name].sources.values()
        others = {old, new} - {teacher}
        teachers = {source.teacher for source in sources}
        return teacher in teachers and not teachers & others

    pairs += [
        (f"students/{a}", f"students/{b}")
        for a in CONFIG.students
        for b in CONFIG.students
        if learns_from(a, old)
        and learns_from(b, new)
        and but_for_the_teacher(a) == but_for_the_teacher(b)
    ]
    return [(ENTRIES[before], ENTRIES[after]) for before, after in pairs]
