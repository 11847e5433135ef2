"""Lay metrics out as tables, and count what was left out.

Reads:     results/metrics/, results/scaled_metrics/; for the counts items, media, votes, labels, predictions
Writes:    results/{table}.csv, .md; results/coverage.csv, .md
Wildcards: table: table1, ..., but table6 (papers.smk)
"""


rule table:
    input:
        metrics=lambda wildcards: tables.metrics_of(CONFIG, wildcards.table),
    output:
        csv=report(
            "results/{table}.csv", caption="../report/table.rst", category="Tables"
        ),
        markdown="results/{table}.md",
    log:
        "results/logs/table/{table}.log",
    wildcard_constraints:
        table=any_of(tables.TABLES),
    conda:
        "../../envs/core.yaml"
    params:
        settings=settings("evaluation"),
        table="{table}",
        ratios=lambda wildcards: (
            repeated("--negative-ratio", tables.negative_ratios(CONFIG))
            if wildcards.table == "table4"
            else ""
        ),
        code=lambda wildcards: code(
            "table", templates=(f"reporting:{wildcards.table}",)
        ),
    shell:
        """
        python -m umui.cli table --table {params.table} --settings {params.settings:q} --metrics {input.metrics} \
            {params.ratios} --csv {output.csv} --markdown {output.markdown} 2>{log}
        """


rule coverage:
    input:
        item_tables=ITEMS,
        left_out=paths.files_of(paths.left_out(CONFIG)),
        left_out_votes=paths.files_of(paths.left_out_votes(CONFIG)),
        media=paths.of_shards(CONFIG, "results/media/{shard}.parquet"),
        votes=paths.files_of(paths.all_votes(CONFIG)),
        labels=paths.files_of(labels.all_labels(CONFIG)),
        predictions=paths.files_of(PREDICTIONS),
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
        left_out=named_files("--left-out", paths.left_out(CONFIG)),
        left_out_votes=named_files("--left-out-votes", paths.left_out_votes(CONFIG)),
        votes=named_files("--votes", paths.all_votes(CONFIG)),
        labels=named_files("--labels", labels.all_labels(CONFIG)),
        predictions=named_files("--predictions", PREDICTIONS),
        code=code("coverage"),
    shell:
        """
        python -m umui.cli coverage --items {input.item_tables} {params.left_out} {params.left_out_votes} \
            --media {input.media} {params.votes} {params.labels} {params.predictions} \
            --csv {output.csv} --markdown {output.markdown} 2>{log}
        """
