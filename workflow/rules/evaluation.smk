"""Turn teachers' labels and controls into predictions, and all predictions into figures with intervals.

Reads:     items, labels, predictions
Writes:    results/predictions/{labels,controls}/..., results/metrics/{entry}.parquet, results/comparisons.csv,
           results/differences.csv, results/scaled_metrics/{entry}.parquet: the same after temperature scaling;
           without any model: results/controls.csv, results/leakage.csv
           on demand: results/impact/{old}-{new}.*.csv, what a new teacher's labels change
Wildcards: control: constant, majority, hypothesis-only; entry: a model of the tables, such as students/clue-d;
           old, new: teachers, asked or imported
"""

ALL_PREDICTIONS = [file for files in PREDICTIONS.values() for file in files]


wildcard_constraints:
    entry="|".join(ENTRIES),
    old="|".join(TEACHERS) or "none",
    new="|".join(TEACHERS) or "none",


rule predict_control:
    input:
        item_tables=ITEMS,
        labels=sorted(
            {
                file
                for student in CONFIG.students
                for files in training_labels(student).values()
                for file in files
            }
        ),
    output:
        predictions="results/predictions/controls/{control}.parquet",
    log:
        "results/logs/predict_control/{control}.log",
    conda:
        "../../envs/core.yaml"
    params:
        settings=lambda _: CONFIG.evaluation.as_json(),
        splits=PREDICTED_SPLITS,
        kind="{control}",
        code=code("control"),
    shell:
        """
        python -m umui.cli control --settings {params.settings:q} --kind {params.kind} --items {input.item_tables} \
            --labels {input.labels} --splits {params.splits} --predictions {output.predictions} 2>{log}
        """


rule predict_oracle:
    input:
        item_tables=expand("results/items/{dataset}/items.parquet", dataset=URNS),
    output:
        predictions="results/predictions/controls/oracle.parquet",
    log:
        "results/logs/predict_oracle.log",
    conda:
        "../../envs/core.yaml"
    params:
        settings=lambda _: CONFIG.evaluation.as_json(),
        splits=CONFIG.evaluation.splits,
        code=code("control"),
    shell:
        """
        python -m umui.cli control --settings {params.settings:q} --kind oracle --items {input.item_tables} \
            --splits {params.splits} --predictions {output.predictions} 2>{log}
        """


rule controls:
    input:
        item_tables=ITEMS,
    output:
        csv=report(
            "results/controls.csv",
            caption="../report/controls.rst",
            category="Tables",
        ),
    log:
        "results/logs/controls.log",
    conda:
        "../../envs/core.yaml"
    params:
        settings=lambda _: CONFIG.evaluation.as_json(),
        code=code("control-table"),
    shell:
        """
        python -m umui.cli control-table --settings {params.settings:q} --items {input.item_tables} \
            --csv {output.csv} 2>{log}
        """


rule leakage:
    input:
        item_tables=ITEMS,
    output:
        csv=report(
            "results/leakage.csv", caption="../report/leakage.rst", category="Tables"
        ),
    log:
        "results/logs/leakage.log",
    conda:
        "../../envs/core.yaml"
    params:
        splits=CONFIG.evaluation.splits,
        code=code("leakage"),
    shell:
        """
        python -m umui.cli leakage --items {input.item_tables} --splits {params.splits} --csv {output.csv} 2>{log}
        """


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
        name=lambda wildcards: ENTRIES[f"labels/{wildcards.judge}/{wildcards.label}"][
            "title"
        ],
        splits=PREDICTED_SPLITS,
        code=code("labels-as-predictions"),
    shell:
        """
        python -m umui.cli labels-as-predictions --name {params.name:q} --items {input.item_tables} \
            --labels {input.labels} --splits {params.splits} --predictions {output.predictions} 2>{log}
        """


rule evaluate:
    input:
        item_tables=ITEMS,
        predictions=lambda wildcards: ENTRIES[wildcards.entry]["files"],
        model=lambda wildcards: ENTRIES[wildcards.entry]["size"],
    output:
        metrics="results/metrics/{entry}.parquet",
    log:
        "results/logs/evaluate/{entry}.log",
    benchmark:
        "results/benchmarks/evaluate/{entry}.tsv"
    conda:
        "../../envs/core.yaml"
    params:
        job=JOB["core"],
        settings=lambda _: CONFIG.evaluation.as_json(),
        title=lambda wildcards: ENTRIES[wildcards.entry]["title"],
        role=lambda wildcards: ENTRIES[wildcards.entry]["role"],
        code=code("evaluate"),
    shell:
        """
        {params.job} --code {params.code} --inputs {input} --outputs {output} -- \
            python -m umui.cli evaluate --settings {params.settings:q} --model {params.title:q} --role {params.role} \
            --model-directory {input.model} --items {input.item_tables} --predictions {input.predictions} \
            --metrics {output.metrics} 2>{log}
        """


rule evaluate_scaled:
    input:
        item_tables=ITEMS,
        predictions=lambda wildcards: ENTRIES[wildcards.entry]["files"],
        model=lambda wildcards: ENTRIES[wildcards.entry]["size"],
    output:
        metrics="results/scaled_metrics/{entry}.parquet",
    log:
        "results/logs/evaluate_scaled/{entry}.log",
    conda:
        "../../envs/core.yaml"
    params:
        job=JOB["core"],
        settings=lambda _: CONFIG.evaluation.as_json(),
        title=lambda wildcards: ENTRIES[wildcards.entry]["title"],
        role=lambda wildcards: ENTRIES[wildcards.entry]["role"],
        code=code("evaluate-scaled"),
    shell:
        """
        {params.job} --code {params.code} --inputs {input} --outputs {output} -- \
            python -m umui.cli evaluate-scaled --settings {params.settings:q} --model {params.title:q} \
            --role {params.role} --model-directory {input.model} --items {input.item_tables} \
            --predictions {input.predictions} --metrics {output.metrics} 2>{log}
        """


rule compare:
    input:
        item_tables=ITEMS,
        predictions=ALL_PREDICTIONS,
    output:
        csv=report(
            "results/comparisons.csv",
            caption="../report/comparisons.rst",
            category="Tables",
        ),
    log:
        "results/logs/compare.log",
    conda:
        "../../envs/core.yaml"
    params:
        job=JOB["core"],
        settings=lambda _: CONFIG.evaluation.as_json(),
        predictions=named_files("--predictions", PREDICTIONS),
        pairs=pairs(),
        code=code("compare"),
    shell:
        """
        {params.job} --code {params.code} --inputs {input} --outputs {output} -- \
            python -m umui.cli compare --settings {params.settings:q} --items {input.item_tables} \
            {params.predictions} {params.pairs} --csv {output.csv} 2>{log}
        """


rule differences:
    input:
        item_tables=ITEMS,
        predictions=[file for entry in COMPARED.values() for file in entry["files"]],
    output:
        csv=report(
            "results/differences.csv",
            caption="../report/differences.rst",
            category="Tables",
        ),
    log:
        "results/logs/differences.log",
    conda:
        "../../envs/core.yaml"
    params:
        job=JOB["core"],
        settings=lambda _: CONFIG.evaluation.as_json(),
        first=first_student(),
        predictions=named_files(
            "--predictions",
            {entry["title"]: entry["files"] for entry in COMPARED.values()},
        ),
        code=code("differences"),
    shell:
        """
        {params.job} --code {params.code} --inputs {input} --outputs {output} -- \
            python -m umui.cli differences --settings {params.settings:q} --first {params.first:q} \
            --items {input.item_tables} {params.predictions} --csv {output.csv} 2>{log}
        """


rule impact:
    input:
        item_tables=ITEMS,
        labels=lambda wildcards: [
            file
            for teacher in (wildcards.old, wildcards.new)
            for files in labels_in_common(wildcards, teacher).values()
            for file in files
        ],
        predictions=lambda wildcards: [
            file
            for pair in impact_pairs(wildcards)
            for entry in pair
            for file in entry["files"]
        ],
    output:
        moves="results/impact/{old}-{new}.moves.csv",
        labels="results/impact/{old}-{new}.labels.csv",
        metrics="results/impact/{old}-{new}.metrics.csv",
    log:
        "results/logs/impact/{old}-{new}.log",
    conda:
        "../../envs/core.yaml"
    params:
        settings=lambda _: CONFIG.evaluation.as_json(),
        old=lambda wildcards: named_files(
            "--old-labels", labels_in_common(wildcards, wildcards.old)
        ),
        new=lambda wildcards: named_files(
            "--new-labels", labels_in_common(wildcards, wildcards.new)
        ),
        predictions=lambda wildcards: named_files(
            "--predictions",
            {
                entry["title"]: entry["files"]
                for pair in impact_pairs(wildcards)
                for entry in pair
            },
        ),
        pairs=lambda wildcards: " ".join(
            f"--pair '{new['title']}' '{old['title']}'"
            for old, new in impact_pairs(wildcards)
        ),
        code=code("impact"),
    shell:
        """
        python -m umui.cli impact --settings {params.settings:q} --items {input.item_tables} {params.old} \
            {params.new} {params.predictions} {params.pairs} --moves {output.moves} --labels {output.labels} \
            --metrics {output.metrics} 2>{log}
        """


rule agreement:
    input:
        item_tables=ITEMS,
        predictions=[file for files in RATERS.values() for file in files],
    output:
        csv="results/figures/figure3.csv",
    log:
        "results/logs/agreement.log",
    conda:
        "../../envs/core.yaml"
    params:
        job=JOB["core"],
        settings=lambda _: CONFIG.evaluation.as_json(),
        predictions=named_files("--predictions", RATERS),
        code=code("agreement"),
    shell:
        """
        {params.job} --code {params.code} --inputs {input} --outputs {output} -- \
            python -m umui.cli agreement --settings {params.settings:q} --items {input.item_tables} \
            {params.predictions} --csv {output.csv} 2>{log}
        """


rule distributions:
    input:
        item_tables=ITEMS,
        predictions=lambda wildcards: [
            file
            for files in DISTRIBUTIONS[wildcards.figure].values()
            for file in files
        ],
    output:
        csv="results/figures/{figure}.csv",
    log:
        "results/logs/distributions/{figure}.log",
    wildcard_constraints:
        figure="|".join(DISTRIBUTIONS),
    conda:
        "../../envs/core.yaml"
    params:
        settings=lambda _: CONFIG.evaluation.as_json(),
        predictions=lambda wildcards: named_files(
            "--predictions", DISTRIBUTIONS[wildcards.figure]
        ),
        code=code("distributions"),
    shell:
        """
        python -m umui.cli distributions --settings {params.settings:q} --items {input.item_tables} \
            {params.predictions} --csv {output.csv} 2>{log}
        """


rule reliability:
    input:
        item_tables=ITEMS,
        predictions=ALL_PREDICTIONS,
    output:
        csv="results/figures/reliability.csv",
    log:
        "results/logs/reliability.log",
    conda:
        "../../envs/core.yaml"
    params:
        job=JOB["core"],
        settings=lambda _: CONFIG.evaluation.as_json(),
        predictions=named_files(
            "--predictions",
            {
                entry["title"]: entry["files"]
                for entry in MODELS.values()
                if entry["role"] in ("student", "teacher")
            },
        ),
        # fmt: skip
        code=code("reliability"),
    shell:
        """
        {params.job} --code {params.code} --inputs {input} --outputs {output} -- \
            python -m umui.cli reliability --settings {params.settings:q} --items {input.item_tables} \
            {params.predictions} --csv {output.csv} 2>{log}
        """
