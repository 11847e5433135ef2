"""Lay figures out as tables and pictures.

Reads:     results/metrics/, results/figures/reliability.csv, training logs, media, votes, labels, predictions
Writes:    results/table3.csv, .md, -graded.csv; results/coverage.csv, .md; results/figures/; results/run_config.yaml
"""


rule table3:
    input:
        metrics=expand("results/metrics/{entry}.parquet", entry=ENTRIES),
    output:
        csv=report(
            "results/table3.csv", caption="../report/table3.rst", category="Tables"
        ),
        graded=report(
            "results/table3-graded.csv",
            caption="../report/table3-graded.rst",
            category="Tables",
        ),
        markdown="results/table3.md",
    log:
        "results/logs/table3.log",
    conda:
        "../../envs/core.yaml"
    params:
        code=code("reporting.table3"),
    shell:
        """
        python -m umui.cli table3 --metrics {input.metrics} --csv {output.csv} --graded {output.graded} \
            --markdown {output.markdown} 2>{log}
        """


rule coverage:
    input:
        item_tables=ITEMS,
        media=shards_of("results/media/{shard}.parquet"),
        votes=[
            shards_of(f"results/votes/{judge}/{{shard}}.parquet")
            for judge in CONFIG.judges
        ],
        labels=label_shards(),
        predictions=ALL_PREDICTIONS,
    output:
        csv=report(
            "results/coverage.csv", caption="../report/coverage.rst", category="Tables"
        ),
        markdown="results/coverage.md",
    log:
        "results/logs/coverage.log",
    conda:
        "../../envs/core.yaml"
    params:
        votes=named_files(
            "--votes",
            {
                judge: shards_of(f"results/votes/{judge}/{{shard}}.parquet")
                for judge in CONFIG.judges
            },
        ),
        # fmt: skip
        labels=named_files(
            "--labels",
            {
                f"{judge}, {label}": shards_of(
                    f"results/labels/{judge}/{label}/{{shard}}.parquet"
                )
                for judge in CONFIG.judges
                for label in label_names(judge)
            },
        ),
        # fmt: skip
        predictions=named_files("--predictions", PREDICTIONS),
        code=code("reporting.coverage"),
    shell:
        """
        python -m umui.cli coverage --items {input.item_tables} --media {input.media} {params.votes} {params.labels} \
            {params.predictions} --csv {output.csv} --markdown {output.markdown} 2>{log}
        """


rule reliability_figure:
    input:
        csv="results/figures/reliability.csv",
    output:
        svg=report(
            "results/figures/reliability.svg",
            caption="../report/reliability.rst",
            category="Figures",
        ),
        png="results/figures/reliability.png",
    log:
        "results/logs/reliability_figure.log",
    conda:
        "../../envs/core.yaml"
    params:
        code=code("reporting.figures"),
    shell:
        """
        python -m umui.cli reliability-figure --csv {input.csv} --svg {output.svg} --png {output.png} 2>{log}
        """


rule training_curves:
    input:
        students=expand("results/students/{student}", student=CONFIG.students),
    output:
        csv="results/figures/training.csv",
        svg=report(
            "results/figures/training.svg",
            caption="../report/training.rst",
            category="Figures",
        ),
        png="results/figures/training.png",
    log:
        "results/logs/training_curves.log",
    conda:
        "../../envs/core.yaml"
    params:
        logs=named_files(
            "--logs",
            {
                student.title: [f"results/students/{name}/training_log.parquet"]
                for name, student in CONFIG.students.items()
            },
        ),
        # fmt: skip
        code=code("reporting.figures"),
    shell:
        """
        python -m umui.cli training-curves {params.logs} --csv {output.csv} --svg {output.svg} \
            --png {output.png} 2>{log}
        """


rule run_config:
    output:
        yaml=report(
            "results/run_config.yaml",
            caption="../report/run_config.rst",
            category="Run",
        ),
    log:
        "results/logs/run_config.log",
    conda:
        "../../envs/core.yaml"
    params:
        config=lambda _: CONFIG.as_json(),
        code=code("reporting.run_config"),
    shell:
        "python -m umui.cli run-config --settings {params.config:q} --yaml {output.yaml} 2> {log}"
