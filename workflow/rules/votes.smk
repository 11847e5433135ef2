"""Read published votes, and aggregate all votes into labels.

Reads:     votes; items and the files of imported teachers
Writes:    results/votes/{judge}/0.parquet and results/left_out/{judge}.csv (imported teachers);
           results/labels/{judge}/{label}.parquet
Wildcards: judge: a teacher, an imported teacher or a baseline; label: an entry of the configuration's labels
"""


rule import_votes:
    input:
        item_tables=lambda wildcards: paths.items_of(
            [CONFIG.imported_teachers[wildcards.judge].dataset]
        ),
        files=lambda wildcards: CONFIG.imported_teachers[wildcards.judge].files,
    output:
        votes="results/votes/{judge}/0.parquet",
        left_out="results/left_out/{judge}.csv",
    log:
        "results/logs/import_votes/{judge}.log",
    benchmark:
        "results/benchmarks/import_votes/{judge}.tsv"
    wildcard_constraints:
        judge=any_of(CONFIG.imported_teachers),
    conda:
        "../../envs/core.yaml"
    params:
        job=JOB["core"],
        settings=settings("imported_teachers.{judge}"),
        judge="{judge}",
        code=code("import-votes"),
    shell:
        """
        {params.job} --code {params.code} --inputs {input:q} --outputs {output} -- \
            python -m umui.cli import-votes --settings {params.settings:q} --teacher {params.judge} \
            --items {input.item_tables} --votes {output.votes} --left-out {output.left_out} \
            2> >(tee {log} | sed -u "s/^/import_votes {params.judge}: /" >&2)
        """


rule aggregate_votes:
    input:
        votes=lambda wildcards: paths.votes_of(CONFIG, wildcards.judge),
    output:
        labels="results/labels/{judge}/{label}.parquet",
    log:
        "results/logs/aggregate_votes/{judge}/{label}.log",
    benchmark:
        "results/benchmarks/aggregate_votes/{judge}/{label}.tsv"
    conda:
        "../../envs/core.yaml"
    params:
        settings=settings("labels.{label}"),
        judge="{judge}",
        code=code("aggregate"),
    shell:
        """
        python -m umui.cli aggregate --settings {params.settings:q} --votes {input.votes} \
            --labels {output.labels} 2>{log}
        """
