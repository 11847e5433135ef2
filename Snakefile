# From media and texts to calibrated probabilities with their intervals.  `snakemake --cores all results/table3.csv`
from snakemake.utils import min_version

min_version("9.27")


configfile: "config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/tables_and_figures.smk"
include: "workflow/rules/environments.smk"
include: "workflow/rules/datasets.smk"
include: "workflow/rules/media.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/teacher.smk"
include: "workflow/rules/student.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/reporting.smk"


report: "workflow/report/workflow.rst"


localrules:
    all,
    media_all,
    labels_all,
    students_all,


rule all:
    default_target: True
    input:
        expand("results/{table}.csv", table=TABLES),
        "results/table6.csv",
        "results/paper_comparison.csv",
        expand("results/figures/{figure}.svg", figure=FIGURES),
        "results/controls.csv",
        "results/leakage.csv",
        "results/coverage.md",
        "results/usage.md",
        "results/run_config.yaml",
        STUDENTS_COMPARED,


rule media_all:
    input:
        shards_of("results/evidence/{shard}.parquet"),


rule labels_all:
    input:
        all_labels().values(),


rule students_all:
    input:
        expand("results/students/{student}", student=CONFIG.students),
