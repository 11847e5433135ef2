"""Lay figures out as tables and pictures.

Reads:     results/metrics/, results/figures/reliability.csv, training logs, media, votes, labels, predictions;
           data/paper_results.csv
Writes:    results/{table}.csv, .md; results/coverage.csv, .md; results/figures/; results/run_config.yaml;
           results/paper_comparison.csv, .md
"""


wildcard_constraints:
    table="|".join(TABLES),


rule table:
    input:
        metrics=lambda wildcards: table_metrics(wildcards.table),
    output:
        csv=report(
            "results/{table}.csv", caption="../report/table.rst", category="Tables"
        ),
        markdown="results/{table}.md",
    log:
        "results/logs/table/{table}.log",
    conda:
        "../../envs/core.yaml"
    params:
        settings=lambda _: CONFIG.evaluation.as_json(),
        table="{table}",
        ratios=lambda wildcards: (
            negative_ratios() if wildcards.table == "table4" else ""
        ),
        code=lambda wildcards: code("table", templates=[f"reporting:{wildcards.table}"]),
    shell:
        """
        python -m umui.cli table --table {params.table} --settings {params.settings:q} --metrics {input.metrics} \
            {params.ratios} --csv {output.csv} --markdown {output.markdown} 2>{log}
        """


rule hyperparameters:
    input:
        run_config="results/run_config.yaml",
    output:
        csv=report(
            "results/table6.csv", caption="../report/table6.rst", category="Tables"
        ),
        markdown="results/table6.md",
    log:
        "results/logs/hyperparameters.log",
    conda:
        "../../envs/core.yaml"
    params:
        code=code("hyperparameters"),
    shell:
        """
        python -m umui.cli hyperparameters --run-config {input.run_config} --csv {output.csv} \
            --markdown {output.markdown} 2>{log}
        """


rule paper_comparison:
    input:
        published=os.path.relpath(ROOT / "data/paper_results.csv"),
        metrics=table_metrics("table7"),
    output:
        csv=report(
            "results/paper_comparison.csv",
            caption="../report/paper_comparison.rst",
            category="Tables",
        ),
        markdown="results/paper_comparison.md",
    log:
        "results/logs/paper_comparison.log",
    conda:
        "../../envs/core.yaml"
    params:
        code=code("paper-comparison", templates=["papers.clue:comparison"]),
    shell:
        """
        python -m umui.cli paper-comparison --published {input.published} --metrics {input.metrics} \
            --csv {output.csv} --markdown {output.markdown} 2>{log}
        """


rule coverage:
    input:
        item_tables=ITEMS,
        left_out=list(LEFT_OUT.values()),
        left_out_votes=list(LEFT_OUT_VOTES.values()),
        media=shards_of("results/media/{shard}.parquet"),
        votes=[votes_of(judge) for judge in CONFIG.votes],
        labels=all_labels().values(),
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
        left_out=named_files(
            "--left-out", {name: [file] for name, file in LEFT_OUT.items()}
        ),
        # fmt: skip
        left_out_votes=named_files(
            "--left-out-votes", {name: [file] for name, file in LEFT_OUT_VOTES.items()}
        ),
        # fmt: skip
        votes=named_files(
            "--votes",
            {judge: votes_of(judge) for judge in CONFIG.votes},
        ),
        # fmt: skip
        labels=named_files("--labels", all_labels()),
        predictions=named_files("--predictions", PREDICTIONS),
        code=code("coverage"),
    shell:
        """
        python -m umui.cli coverage --items {input.item_tables} {params.left_out} {params.left_out_votes} \
            --media {input.media} {params.votes} {params.labels} {params.predictions} \
            --csv {output.csv} --markdown {output.markdown} 2>{log}
        """


rule impact_page:
    input:
        moves="results/impact/{old}-{new}.moves.csv",
        labels="results/impact/{old}-{new}.labels.csv",
        metrics="results/impact/{old}-{new}.metrics.csv",
    output:
        markdown=report(
            "results/impact/{old}-{new}.md",
            caption="../report/impact.rst",
            category="Teachers",
        ),
        svg=report(
            "results/impact/{old}-{new}.svg",
            caption="../report/impact.rst",
            category="Teachers",
        ),
        png="results/impact/{old}-{new}.png",
    log:
        "results/logs/impact_page/{old}-{new}.log",
    conda:
        "../../envs/core.yaml"
    params:
        old=lambda wildcards: TEACHERS[wildcards.old].title,
        new=lambda wildcards: TEACHERS[wildcards.new].title,
        code=code("impact-page", templates=["reporting:impact"]),
    shell:
        """
        python -m umui.cli impact-page --old {params.old:q} --new {params.new:q} --moves {input.moves} \
            --labels {input.labels} --metrics {input.metrics} --markdown {output.markdown} --svg {output.svg} \
            --png {output.png} 2>{log}
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
        code=code("reliability-figure"),
    shell:
        """
        python -m umui.cli reliability-figure --csv {input.csv} --svg {output.svg} --png {output.png} 2>{log}
        """


rule agreement_figure:
    input:
        csv="results/figures/figure3.csv",
    output:
        svg=report(
            "results/figures/figure3.svg",
            caption="../report/figure3.rst",
            category="Figures",
        ),
        png="results/figures/figure3.png",
    log:
        "results/logs/agreement_figure.log",
    conda:
        "../../envs/core.yaml"
    params:
        code=code("agreement-figure"),
    shell:
        """
        python -m umui.cli agreement-figure --csv {input.csv} --svg {output.svg} --png {output.png} 2>{log}
        """


rule distributions_figure:
    input:
        csv="results/figures/{figure}.csv",
    output:
        svg=report(
            "results/figures/{figure}.svg",
            caption="../report/distributions.rst",
            category="Figures",
        ),
        png="results/figures/{figure}.png",
    log:
        "results/logs/distributions_figure/{figure}.log",
    wildcard_constraints:
        figure="|".join(DISTRIBUTIONS),
    conda:
        "../../envs/core.yaml"
    params:
        code=code("distributions-figure"),
    shell:
        """
        python -m umui.cli distributions-figure --csv {input.csv} --svg {output.svg} --png {output.png} 2>{log}
        """


rule batching_curves:
    input:
        students=[
            Path(file).parent
            for files in students_by_batching().values()
            for file in files
        ],
    output:
        csv="results/figures/figure5.csv",
        svg=report(
            "results/figures/figure5.svg",
            caption="../report/figure5.rst",
            category="Figures",
        ),
        png="results/figures/figure5.png",
    log:
        "results/logs/batching_curves.log",
    conda:
        "../../envs/core.yaml"
    params:
        logs=named_files("--logs", students_by_batching()),
        losses=losses(),
        code=code("batching-curves"),
    shell:
        """
        python -m umui.cli batching-curves {params.logs} {params.losses} --csv {output.csv} \
            --svg {output.svg} --png {output.png} 2>{log}
        """


rule training_curves:
    input:
        students=expand("results/students/{student}", student=STUDENTS),
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
                for name, student in STUDENTS.items()
            },
        ),
        # fmt: skip
        losses=losses(),
        code=code("training-curves"),
    shell:
        """
        python -m umui.cli training-curves {params.logs} {params.losses} --csv {output.csv} \
            --svg {output.svg} --png {output.png} 2>{log}
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
        code=code("run-config"),
    shell:
        "python -m umui.cli run-config --settings {params.config:q} --yaml {output.yaml} 2> {log}"


rule cost:
    input:
        item_tables=ITEMS,
    output:
        csv="results/cost.csv",
    log:
        "results/logs/cost.log",
    conda:
        "../../envs/core.yaml"
    params:
        config=lambda _: CONFIG.as_json(),
        code=code(
            "cost",
            templates=[
                f"prompts:{student.prompt}" for student in CONFIG.students.values()
            ],
        ),
    shell:
        """
        python -m umui.cli cost --settings {params.config:q} --items {input.item_tables} --csv {output.csv} 2>{log}
        """


rule usage:
    input:
        [usage_of(judge) for judge in CONFIG.judges],
    output:
        csv=report(
            "results/usage.csv",
            caption="../report/usage.rst",
            category="Run",
        ),
        markdown="results/usage.md",
    log:
        "results/logs/usage.log",
    conda:
        "../../envs/core.yaml"
    params:
        usage=named_files(
            "--usage", {judge: usage_of(judge) for judge in CONFIG.judges}
        ),
        code=code("usage"),
    shell:
        """
        python -m umui.cli usage {params.usage} --csv {output.csv} --markdown {output.markdown} 2>{log}
        """
