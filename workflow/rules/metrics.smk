"""Judge each model of the tables.

Reads:     items, predictions, the model's size
Writes:    results/metrics/{entry}.parquet; results/scaled_metrics/{entry}.parquet, after temperature scaling
Wildcards: entry: a model of the tables, such as students/clue-d; scaled: scaled_, or nothing
"""


rule evaluate:
    input:
        item_tables=ITEMS,
        predictions=lambda wildcards: ENTRIES[wildcards.entry].files,
        model=lambda wildcards: ENTRIES[wildcards.entry].size or [],
    output:
        metrics="results/{scaled}metrics/{entry}.parquet",
    log:
        "results/logs/{scaled}evaluate/{entry}.log",
    benchmark:
        "results/benchmarks/{scaled}evaluate/{entry}.tsv"
    wildcard_constraints:
        scaled="(scaled_)?",
        entry=any_of(ENTRIES),
    conda:
        "../../envs/core.yaml"
    params:
        job=JOB["core"],
        stage=lambda wildcards: "evaluate-scaled" if wildcards.scaled else "evaluate",
        settings=settings("evaluation"),
        title=lambda wildcards: ENTRIES[wildcards.entry].title,
        role=lambda wildcards: ENTRIES[wildcards.entry].role,
        code=lambda wildcards: code(
            "evaluate-scaled" if wildcards.scaled else "evaluate"
        ),
    shell:
        """
        {params.job} --code {params.code} --inputs {input:q} --outputs {output} -- \
            python -m umui.cli {params.stage} --settings {params.settings:q} --model {params.title:q} \
            --role {params.role} --model-directory {input.model} --items {input.item_tables} \
            --predictions {input.predictions} --metrics {output.metrics} 2>{log}
        """
