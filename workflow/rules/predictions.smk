"""Turn labels and controls into predictions, which are then judged as students' are.

Reads:     items, labels
Writes:    results/predictions/labels/{judge}/{label}.parquet, results/predictions/controls/{control}.parquet
Wildcards: control: constant, majority or hypothesis-only; oracle, where there is an urn world
"""

CONTROLS = controls.controls(CONFIG)


rule predict_by_labels:
    input:
        item_tables=ITEMS,
        labels="results/labels/{judge}/{label}.parquet",
    output:
        predictions="results/predictions/labels/{judge}/{label}.parquet",
    log:
        "results/logs/predict_by_labels/{judge}/{label}.log",
    conda:
        "../../envs/core.yaml"
    params:
        name=lambda wildcards: ENTRIES[
            f"labels/{wildcards.judge}/{wildcards.label}"
        ].title,
        splits=controls.predicted_splits(CONFIG),
        code=code("labels-as-predictions"),
    shell:
        """
        python -m umui.cli labels-as-predictions --name {params.name:q} --items {input.item_tables} \
            --labels {input.labels} --splits {params.splits:q} --predictions {output.predictions} 2>{log}
        """


rule predict_control:
    input:
        item_tables=lambda wildcards: CONTROLS[wildcards.control].items,
        labels=lambda wildcards: CONTROLS[wildcards.control].labels,
    output:
        predictions="results/predictions/controls/{control}.parquet",
    log:
        "results/logs/predict_control/{control}.log",
    wildcard_constraints:
        control=any_of(CONTROLS),
    conda:
        "../../envs/core.yaml"
    params:
        settings=settings("evaluation"),
        splits=lambda wildcards: CONTROLS[wildcards.control].splits,
        kind="{control}",
        code=code("control"),
    shell:
        """
        python -m umui.cli control --settings {params.settings:q} --kind {params.kind} --items {input.item_tables} \
            --labels {input.labels} --splits {params.splits:q} --predictions {output.predictions} 2>{log}
        """
